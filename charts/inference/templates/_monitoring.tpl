{{/* What Prometheus, its operator and Grafana are given. Nothing looks whether they are in the cluster: the values say so. */}}

{{/* metadata of an object. {root, component, name, namespace, labels, annotations} */}}
{{- define "inference.monitoringMetadata" -}}
name: {{ printf "%s-%s" (include "inference.fullname" .root) .name }}
{{- with .namespace }}
namespace: {{ . }}
{{- end }}
labels:
  {{- merge (include "inference.labels" . | fromYaml) (.labels | default dict) | toYaml | nindent 2 }}
{{- with include "inference.annotationsOf" . | fromYaml }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* An endpoint of a monitor. {root, port} */}}
{{- define "inference.endpoint" -}}
- port: {{ .port }}
  path: /metrics
  interval: {{ .root.Values.monitoring.interval }}
{{- end }}

{{/* What a monitor selects: this release's pods or Service of a component, wherever the monitor itself is. {root, component} */}}
{{- define "inference.monitored" -}}
namespaceSelector:
  matchNames: [{{ .root.Release.Namespace }}]
selector:
  matchLabels:
    {{- include "inference.selectorLabels" . | nindent 4 }}
{{- end }}

{{/* Where an alert's entry of the runbook is. {root, alert} */}}
{{- define "inference.runbook" -}}
{{- with .root.Values.monitoring.prometheusRule.runbookBaseUrl -}}
runbook_url: {{ . }}#{{ lower $.alert }}
{{- else -}}
runbook: docs/operations.md#{{ lower .alert }}
{{- end }}
{{- end }}

{{/* The bound of a histogram as Prometheus has it: 60.0 of 60. */}}
{{- define "inference.bucket" -}}
{{- eq (floor .) (float64 .) | ternary (printf "%d.0" (int64 .)) (print .) }}
{{- end }}

{{- define "inference.guardMonitoring" -}}
{{- $m := .Values.monitoring }}
{{- $policy := .Values.networkPolicy }}
{{- if and $m.podMonitor.enabled $policy.enabled (not $policy.metricsFrom) }}
{{- fail "monitoring.podMonitor asks Prometheus to read the workers, and networkPolicy.metricsFrom lets nobody: set it to where your Prometheus is, as in [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]" }}
{{- end }}
{{- if and $m.prometheusRule.runbookBaseUrl (contains "#" $m.prometheusRule.runbookBaseUrl) }}
{{- fail "monitoring.prometheusRule.runbookBaseUrl has a #, which each alert adds with its own name: give the page's address alone" }}
{{- end }}
{{- end }}
