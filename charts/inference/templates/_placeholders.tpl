{{/* Pods that only hold something ready: a place on a node, or an image. */}}

{{/* The class of placeholders is the cluster's, so its name has the namespace; a long one is cut, and told apart by a digest. */}}
{{- define "inference.placeholderClass" -}}
{{- $name := printf "%s-%s-placeholder" .Release.Namespace (include "inference.fullname" .) }}
{{- if le (len $name) 63 }}{{ $name }}{{ else }}{{ printf "%s-%s" (trunc 54 $name | trimSuffix "-") (sha256sum $name | trunc 8) }}{{ end }}
{{- end }}

{{/* A container that waits; nothing of it is worth waiting for when it ends. {root, name, image, over, pause, noGpu, resources} */}}
{{- define "inference.waitingContainer" -}}
- name: {{ .name }}
  {{- include "inference.image" (dict "root" .root "image" .image "over" .over) | nindent 2 }}
  {{- if not .pause }}
  command: [sleep, infinity]
  {{- end }}
  {{- /* Without a GPU of its own a container may be given all of a node's: NVIDIA's runtime reads this. */}}
  {{- if .noGpu }}
  env: [{name: NVIDIA_VISIBLE_DEVICES, value: void}]
  {{- end }}
  securityContext:
    {{- include "inference.containerSecurity" .root | nindent 4 }}
  resources:
    {{- .resources | nindent 4 }}
{{- end }}

{{/* Neither calls anybody nor is called. {root, component} */}}
{{- define "inference.noTraffic" -}}
{{- if .root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "inference.fullname" .root }}-{{ .component }}
  labels:
    {{- include "inference.labels" . | nindent 4 }}
  {{- include "inference.annotations" . }}
spec:
  podSelector:
    matchLabels:
      {{- include "inference.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress: []
  egress: []
{{- end }}
{{- end }}

{{/*
Puts the pre-pullers into the map `into`: one for each set of nodes, with the images that the pools there run. {root, into}
  names  of the pools
  images by their address, as {image, over}
*/}}
{{- define "inference.prePullers" -}}
{{- $into := .into }}
{{- $root := .root }}
{{- $pools := dict }}
{{- include "inference.pools" (dict "root" $root "into" $pools) }}
{{- range $name, $pool := $pools }}
{{- $place := dict "nodeSelector" $pool.nodeSelector "tolerations" $pool.tolerations "affinity" (pick $pool.affinity "nodeAffinity") }}
{{- $key := toJson $place | sha256sum | trunc 8 }}
{{- if not (hasKey $into $key) }}{{ $_ := set $into $key (dict "place" $place "images" dict) }}{{ end }}
{{- $image := (include "inference.image" (dict "root" $root "image" $root.Values.image.worker "over" $pool.image) | fromYaml).image }}
{{- $_ := set (get $into $key).images $image $pool.image }}
{{- end }}
{{- end }}
