{{/* Annotations of objects. Pods have `podAnnotations` alone: one of these would replace every worker when it changes. */}}

{{/* An object's annotations below its labels, or nothing. What is nearer wins. {root, component, annotations} */}}
{{- define "inference.annotations" -}}
{{- with include "inference.annotationsOf" . | fromYaml }}
  annotations:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end }}

{{/* The same as a map: the object's own, its component's, everybody's. */}}
{{- define "inference.annotationsOf" -}}
{{- $all := dict }}
{{- range list .root.Values.commonAnnotations (get .root.Values.componentAnnotations .component) .annotations }}
{{- include "inference.merge" (dict "into" $all "from" (. | default dict)) }}
{{- end }}
{{- toYaml $all }}
{{- end }}

{{/* What keeps a claim when the release goes, as `resourcePolicy` says. Argo CD heeds Helm's word when the application is deleted, and its
     own when an object is no longer rendered. {root, component, policy, annotations} */}}
{{- define "inference.claimAnnotations" -}}
{{- $own := eq .policy "keep" | ternary (dict "helm.sh/resource-policy" "keep" "argocd.argoproj.io/sync-options" "Prune=false") dict }}
{{- include "inference.annotations" (dict "root" .root "component" .component "annotations" (merge $own (.annotations | default dict))) }}
{{- end }}
