{{/* Where large inputs and results are kept, as gateways and workers both mount or reach it. */}}

{{/* The folder of a file:// URL; empty for anything else. */}}
{{- define "inference.payloadFolder" -}}
{{- if hasPrefix "file:" .Values.payloads.url }}{{ trimPrefix "file://" .Values.payloads.url }}{{ end }}
{{- end }}

{{- define "inference.payloadMount" -}}
{{- with include "inference.payloadFolder" . }}
- {name: payloads, mountPath: {{ . | quote }}}
{{- end }}
{{- end }}

{{- define "inference.payloadVolume" -}}
{{- if include "inference.payloadFolder" . }}
- name: payloads
  persistentVolumeClaim: {claimName: {{ .Values.payloads.existingClaim | quote }}}
{{- end }}
{{- end }}

{{/* The environment of each secret of a list that is named. */}}
{{- define "inference.secretRefs" -}}
{{- range compact . | uniq }}
- secretRef: {name: {{ . }}}
{{- end }}
{{- end }}

{{- define "inference.egressToPayloads" -}}
{{- if and .Values.payloads.url (not (include "inference.payloadFolder" .)) }}
{{- include "inference.egress" (dict "ports" (list .Values.payloads.port) "to" .Values.networkPolicy.payloadsTo) }}
{{- end }}
{{- end }}
