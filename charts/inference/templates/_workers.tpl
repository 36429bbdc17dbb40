{{/* What a worker's pod asks of a node: devices, disk, a place, a claim for models. */}}

{{/* Adds to a pool what follows from its values and the pool's others. {root, pool} */}}
{{- define "inference.derivePool" -}}
{{- $pool := .pool }}
{{- range $pool.devices | ternary (include "inference.taints" $pool.gpu.resource | fromJsonArray) list }}
{{- $_ := set $pool "tolerations" (append $pool.tolerations (dict "key" . "operator" "Exists" "effect" "NoSchedule")) }}
{{- end }}
{{- $_ := set $pool "claimName" ($pool.modelCache.claim.enabled | ternary (print $pool.fullname "-models") $pool.modelCache.existingClaim) }}
{{- $_ := set $pool "held" (and $pool.modelCache.claim.enabled (eq $pool.modelCache.claim.accessMode "ReadWriteOnce")) }}
{{- if $pool.held }}
{{- $labels := merge (include "inference.selectorLabels" (dict "root" .root "component" "worker") | fromYaml) (dict "inference/pool" $pool.name) }}
{{- $_ := set $pool "affinity" (include "inference.onNodeOf" (dict "affinity" $pool.affinity "labels" $labels) | fromYaml) }}
{{- end }}
{{- $evict := kindIs "invalid" $pool.safeToEvict | ternary (le (int $pool.grace) 600) $pool.safeToEvict }}
{{- $_ := set $pool "podAnnotations" (merge $pool.podAnnotations (dict "cluster-autoscaler.kubernetes.io/safe-to-evict" (print $evict))) }}
{{- $_ := set $pool "surge" (include "inference.rollingUpdate" $pool | fromYaml) }}
{{- $disk := $pool.tmp.request | default (.root.Values.tryout.enabled | ternary "1Gi" $pool.tmp.size) }}
{{- $_ := set $pool "disk" (dict "requests" $disk "limits" (printf "%dMi" (add (include "inference.mebibytes" $pool.tmp.size) 64))) }}
{{- end }}

{{/* The keys of the taints of nodes that have a resource, as JSON. NVIDIA's taint has one name, whatever its GPUs are cut into. */}}
{{- define "inference.taints" -}}
{{- list . (hasPrefix "nvidia.com/" . | ternary "nvidia.com/gpu" .) | uniq | toJson }}
{{- end }}

{{/* An affinity, and with it a place on the node of the pods with these labels. {affinity, labels} */}}
{{- define "inference.onNodeOf" -}}
{{- $affinity := deepCopy (.affinity | default dict) }}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" .labels) }}
{{- $pods := get $affinity "podAffinity" | default dict }}
{{- $required := get $pods "requiredDuringSchedulingIgnoredDuringExecution" | default list }}
{{- $_ := set $pods "requiredDuringSchedulingIgnoredDuringExecution" (append $required $term) }}
{{- $_ := set $affinity "podAffinity" $pods }}
{{- toYaml $affinity }}
{{- end }}

{{/* With devices no worker more: it would wait for the device that the old one holds. Takes a pool. */}}
{{- define "inference.rollingUpdate" -}}
{{- $own := .rollingUpdate }}
{{- $surge := $own.maxSurge }}
{{- if kindIs "invalid" $surge }}{{ $surge = or .devices (eq (include "inference.isSome" $own.maxUnavailable) "yes") | ternary 0 1 }}{{ end }}
{{- $fewer := $own.maxUnavailable }}
{{- if kindIs "invalid" $fewer }}{{ $fewer = eq (include "inference.isSome" $surge) "yes" | ternary 0 1 }}{{ end -}}
maxSurge: {{ kindIs "string" $surge | ternary $surge (int $surge) }}
maxUnavailable: {{ kindIs "string" $fewer | ternary $fewer (int $fewer) }}
{{- end }}

{{/* 'yes' for a number or a percentage above 0 */}}
{{- define "inference.isSome" -}}
{{- if and (not (kindIs "invalid" .)) (gt (toString . | trimSuffix "%" | int) 0) }}yes{{ end }}
{{- end }}

{{/* 10Gi as 10240; what is less than one counts as one. */}}
{{- define "inference.mebibytes" -}}
{{- $number := regexFind "^[0-9]+" . | int64 }}
{{- if hasSuffix "Gi" . }}{{ mul $number 1024 }}{{ else if hasSuffix "Ki" . }}{{ add (div $number 1024) 1 }}{{ else }}{{ $number }}{{ end }}
{{- end }}

{{/*
A pool's requests and limits, with its devices and its disk. The limit is a little above the volume's, for the logs, so that
a full /tmp ends the worker with the volume's name. Shared memory is memory, and no disk.
*/}}
{{- define "inference.poolResources" -}}
{{- $pool := . }}
{{- $resources := deepCopy .resources }}
{{- range $which, $disk := .disk }}
{{- $_ := set $resources $which (merge (get $resources $which | default dict) (dict "ephemeral-storage" $disk)) }}
{{- end }}
{{- if gt (int .gpu.count) 0 }}
{{- $_ := set $resources.limits .gpu.resource (int .gpu.count) }}
{{- end }}
{{- with .resourceClaims }}
{{- $names := list }}
{{- range . }}{{ $names = append $names (dict "name" .name) }}{{ end }}
{{- $_ := set $resources "claims" $names }}
{{- end }}
{{- toYaml $resources }}
{{- end }}

{{/* A template of claims can't be changed, so its name changes with it. {pool, claim} */}}
{{- define "inference.claimTemplate" -}}
{{- printf "%s-%s-%s" .pool.fullname .claim.name (toJson .claim.spec | sha256sum | trunc 8) }}
{{- end }}

{{/* resourceClaims of a pod. Takes a pool. */}}
{{- define "inference.podClaims" -}}
{{- range .resourceClaims }}
- name: {{ .name }}
  {{- if .resourceClaimName }}
  resourceClaimName: {{ .resourceClaimName }}
  {{- else }}
  resourceClaimTemplateName: {{ .resourceClaimTemplateName | default (include "inference.claimTemplate" (dict "pool" $ "claim" .)) }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Whether workers of a pool keep models: 'yes' or ''. */}}
{{- define "inference.keepsModels" -}}
{{- if or .claimName .modelCache.image.repository }}yes{{ end }}
{{- end }}

{{/* The volume of the models. {root, pool} */}}
{{- define "inference.modelVolume" -}}
{{- if .pool.claimName }}
- name: models
  persistentVolumeClaim: {claimName: {{ .pool.claimName | quote }}}
{{- else if .pool.modelCache.image.repository }}
{{- $image := include "inference.image" (dict "root" .root "image" .pool.modelCache.image) | fromYaml }}
- name: models
  image: {reference: {{ $image.image | quote }}, pullPolicy: {{ $image.imagePullPolicy }}}
{{- end }}
{{- end }}
