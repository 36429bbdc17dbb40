{{/* As whom pods run, and what they may not do. */}}

{{/* Whether users and groups are the cluster's to choose: OpenShift gives each namespace a range and refuses any other. */}}
{{- define "inference.openshift" -}}
{{- $adapt := .Values.global.compatibility.openshift.adaptSecurityContext }}
{{- if or (eq $adapt "force") (and (eq $adapt "auto") (.Capabilities.APIVersions.Has "security.openshift.io/v1")) }}true{{ end }}
{{- end }}

{{/* A pod's security context. On OpenShift the image's own user and group are left out; others were asked for, and stay. */}}
{{- define "inference.podSecurity" -}}
{{- $context := deepCopy .Values.podSecurityContext }}
{{- if include "inference.openshift" . }}
{{- range list "runAsUser" "runAsGroup" "fsGroup" }}
{{- if and (hasKey $context .) (eq (int64 (get $context .)) 10001) }}{{ $_ := unset $context . }}{{ end }}
{{- end }}
{{- end }}
{{- toYaml $context }}
{{- end }}

{{- define "inference.containerSecurity" -}}
{{- toYaml .Values.containerSecurityContext }}
{{- end }}
