{{/* What of a changed Secret shows in the pods that read it, so that they are replaced. */}}

{{/*
Annotations of a pod. The digest is of what is no secret: a digest of a password would let everybody who may read pods try
passwords. So a password shows as a number, which counts how often a Secret of this chart changed.
*/}}
{{- define "inference.connectionAnnotations" -}}
checksum/connections: {{ printf "%s %s" (include "inference.withoutSecrets" (include "inference.storeUrl" .)) (include "inference.withoutSecrets" (include "inference.brokerUrl" .)) | sha256sum }}
inference/credentials: {{ printf "%s.%s" (include "inference.generation" (dict "root" . "of" "store")) (include "inference.generation" (dict "root" . "of" "broker")) | quote }}
{{- end }}

{{/* A URL without its user, and without the options that are passwords. */}}
{{- define "inference.withoutSecrets" -}}
{{- regexReplaceAll "([?&][a-z_]*password=)[^&]*" (regexReplaceAll "^([a-z]+://)[^/?]*@" . "${1}") "${1}" }}
{{- end }}

{{/* How often the Secret of `of`, store or broker, changed: the live one's number, one more where its URL is another now. Where the
     cluster can't be asked (helm template, and what builds on it) it is 1. {root, of} */}}
{{- define "inference.generation" -}}
{{- $url := include (printf "inference.%sUrl" .of) .root }}
{{- $name := include (printf "inference.%sSecret" .of) .root }}
{{- $live := empty $url | ternary dict (lookup "v1" "Secret" .root.Release.Namespace $name) }}
{{- include "inference.generationAfter" (dict "live" $live "url" $url) }}
{{- end }}

{{- define "inference.generationAfter" -}}
{{- $number := dig "metadata" "annotations" "inference/generation" "1" .live | int }}
{{- $same := eq (dig "data" "url" (b64enc .url) .live) (b64enc .url) }}
{{- $same | ternary $number (add1 $number) }}
{{- end }}
