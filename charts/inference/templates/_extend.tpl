{{/* What users add to the pods: volumes, containers, variables, DNS, labels and annotations. Takes the values of a component. */}}

{{/* Fields of a pod's spec. */}}
{{- define "inference.podExtras" -}}
{{- with .hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A list of containers of the user's. One that says nothing of its security gets the chart's, so that Pod Security takes the pod. {root, containers} */}}
{{- define "inference.moreContainers" -}}
{{- $own := include "inference.containerSecurity" .root | fromYaml }}
{{- range .containers }}
{{- $container := hasKey . "securityContext" | ternary . (merge (dict "securityContext" $own) .) }}
- {{ toYaml $container | nindent 2 | trim }}
{{- end }}
{{- end }}

{{/* envFrom: Secrets of the chart's values, then what the user adds. {refs, more} */}}
{{- define "inference.envSources" -}}
{{- include "inference.secretRefs" .refs }}
{{- with .more }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of an object: the chart's own, then the user's. {root, component, more} */}}
{{- define "inference.extendedLabels" -}}
{{- merge (include "inference.labels" . | fromYaml) (.more | default dict) | toYaml }}
{{- end }}

{{/* annotations: of a pod's metadata, where there are any. */}}
{{- define "inference.podAnnotations" -}}
{{- with . }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
