{{/* A private CA, as a file that gateways, workers and the batch job read once at their start (CA_BUNDLE). */}}

{{- define "inference.caGiven" -}}
{{- .Values.caBundle.existingConfigMap | default .Values.caBundle.existingSecret }}
{{- end }}

{{- define "inference.caEnv" -}}
{{- if include "inference.caGiven" . }}
CA_BUNDLE: /tls/ca/ca.crt
{{- end }}
{{- end }}

{{- define "inference.caMount" -}}
{{- if include "inference.caGiven" . }}
- {name: ca-bundle, mountPath: /tls/ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "inference.caVolume" -}}
{{- $items := printf "[{key: %s, path: ca.crt}]" (.Values.caBundle.key | quote) }}
{{- with .Values.caBundle.existingConfigMap }}
- name: ca-bundle
  configMap: {name: {{ . | quote }}, items: {{ $items }}}
{{- end }}
{{- with .Values.caBundle.existingSecret }}
- name: ca-bundle
  secret: {secretName: {{ . | quote }}, items: {{ $items }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{/* What KEDA is told of it, by the field of a TriggerAuthentication: a store's own Secret of certificates has one already. {root, field} */}}
{{- define "inference.caOfKeda" -}}
{{- $ca := .root.Values.caBundle }}
{{- $wanted := and (include "inference.store" .root | fromYaml).tls (not .root.Values.store.tls.existingSecret) }}
{{- with eq .field "secretTargetRef" | ternary $ca.existingSecret $ca.existingConfigMap }}
{{- if $wanted }}
- {parameter: ca, name: {{ . }}, key: {{ $ca.key }}}
{{- end }}
{{- end }}
{{- end }}
