{{/* Rules of NetworkPolicies, and IPv4 and IPv6. */}}

{{/* The part of every Service's spec that says so; without values the cluster's default. */}}
{{- define "inference.ipFamilies" -}}
{{- with .Values.service.ipFamilyPolicy }}
  ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .Values.service.ipFamilies }}
  ipFamilies: {{ toJson . }}
{{- end }}
{{- end }}

{{/* {ports, to}: to anywhere if `to` is empty */}}
{{- define "inference.egress" -}}
- ports:
    {{- range .ports }}
    - {port: {{ int . }}, protocol: TCP}
    {{- end }}
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "inference.egressToDns" -}}
{{- $behind := include "inference.openshift" . | empty | ternary list (list 5353) }}
- ports:
    {{- range concat .Values.networkPolicy.dnsPorts $behind | uniq }}
    - {port: {{ int . }}, protocol: UDP}
    - {port: {{ int . }}, protocol: TCP}
    {{- end }}
{{- end }}

{{- define "inference.egressToMlflow" -}}
{{- $to := .Values.networkPolicy.mlflowTo }}
{{- if .Values.tryout.enabled }}{{ $to = list (dict "podSelector" (dict "matchLabels" (include "inference.selectorLabels" (dict "root" . "component" "mlflow") | fromYaml))) }}{{ end }}
{{- include "inference.egress" (dict "ports" (list (include "inference.mlflowPort" .)) "to" $to) }}
{{- end }}

{{/* To the object store in which the scored matches are, if they are in one. */}}
{{- define "inference.egressToMatches" -}}
{{- $batch := include "inference.batch" . | fromYaml }}
{{- if and $batch.enabled (not $batch.claim) }}
{{- include "inference.egress" (dict "ports" .Values.networkPolicy.objectStorePorts "to" .Values.networkPolicy.objectStoreTo) }}
{{- end }}
{{- end }}

{{/* The arrows that gateways and workers share: DNS, store, broker, MLflow, an object store, a collector of traces. */}}
{{- define "inference.sharedEgress" -}}
{{- $policy := .Values.networkPolicy }}
{{- $store := include "inference.store" . | fromYaml }}
{{- $storeTo := $policy.storeTo }}
{{- $brokerTo := $policy.brokerTo }}
{{- if .Values.tryout.enabled }}
{{- $storeTo = list (dict "podSelector" (dict "matchLabels" (include "inference.selectorLabels" (dict "root" . "component" "valkey") | fromYaml))) }}
{{- $brokerTo = list (dict "podSelector" (dict "matchLabels" (include "inference.selectorLabels" (dict "root" . "component" .Values.tryout.broker) | fromYaml))) }}
{{- end }}
{{- $toStore := include "inference.egress" (dict "ports" $store.ports "to" $storeTo) }}
{{- $toBroker := include "inference.egress" (dict "ports" (include "inference.brokerPorts" . | fromJsonArray) "to" $brokerTo) }}
{{ include "inference.egressToDns" . }}
{{ $toStore }}
{{- if ne $toStore $toBroker }}
{{ $toBroker }}
{{- end }}
{{ include "inference.egressToMlflow" . }}
{{- with include "inference.egressToPayloads" . | trim }}
{{ . }}
{{- end }}
{{- with include "inference.tracingPort" . | trim }}
{{ include "inference.egress" (dict "ports" (list .) "to" $policy.tracingTo) }}
{{- end }}
{{- end }}
