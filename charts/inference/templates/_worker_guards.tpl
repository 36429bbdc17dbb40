{{/* What can't work in a pool stops the rendering here, with a sentence that says what to do. */}}

{{- define "inference.guardWorkers" -}}
{{- $pools := dict }}
{{- include "inference.pools" (dict "root" . "into" $pools) }}
{{- range $name, $pool := $pools }}
{{- $in := dict "pool" $pool "value" (printf "workerPools.%s" $name) }}
{{- include "inference.guardRollout" $in }}
{{- include "inference.guardDevices" $in }}
{{- include "inference.guardDisk" $in }}
{{- include "inference.guardModelCache" $in }}
{{- include "inference.guardScaling" $in }}
{{- if gt (int $pool.placeholder.replicas) 0 }}{{ include "inference.guardPlaceholder" $in }}{{ end }}
{{- end }}
{{- with .Values.image.pause }}
{{- if and .repository (not (or .tag .digest)) }}
{{- fail "image.pause.repository is set without image.pause.tag, which has no default: set it, or leave both empty for the worker's image" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "inference.guardRollout" -}}
{{- if not (or (include "inference.isSome" .pool.surge.maxSurge) (include "inference.isSome" .pool.surge.maxUnavailable)) }}
{{- fail (printf "%s.rollingUpdate has maxSurge and maxUnavailable at 0, so a rollout could replace no worker: raise one of them" .value) }}
{{- end }}
{{- end }}

{{- define "inference.guardDevices" -}}
{{- $pool := .pool }}
{{- if and $pool.resourceClaims (gt (int $pool.gpu.count) 0) }}
{{- fail (printf "%s has resourceClaims and gpu.count, and would hold devices of both: set its gpu.count to 0" .value) }}
{{- end }}
{{- if hasKey $pool.resources "claims" }}
{{- fail (printf "%s.resources has claims: name them in %s.resourceClaims, which the container then uses" .value .value) }}
{{- end }}
{{- $seen := dict }}
{{- range $pool.resourceClaims }}
{{- if ne (len (compact (list .resourceClaimName .resourceClaimTemplateName (empty .spec | ternary "" "spec")))) 1 }}
{{- fail (printf "%s.resourceClaims %s must have just one of resourceClaimName, resourceClaimTemplateName and spec" $.value .name) }}
{{- end }}
{{- if hasKey $seen .name }}
{{- fail (printf "%s.resourceClaims has %s twice: give each a name of its own" $.value .name) }}
{{- end }}
{{- $_ := set $seen .name true }}
{{- end }}
{{- end }}

{{- define "inference.guardDisk" -}}
{{- $tmp := .pool.tmp }}
{{- if and $tmp.request (gt (include "inference.mebibytes" $tmp.request | int64) (include "inference.mebibytes" $tmp.size | int64)) }}
{{- fail (printf "%s.tmp.request is above tmp.size, the most that it may use: lower it" .value) }}
{{- end }}
{{- end }}

{{- define "inference.guardModelCache" -}}
{{- $cache := .pool.modelCache }}
{{- if gt (len (compact (list $cache.existingClaim (ternary "claim" "" $cache.claim.enabled) $cache.image.repository))) 1 }}
{{- fail (printf "%s.modelCache has more than one of existingClaim, claim.enabled and image.repository: keep one, as all are mounted at /models" .value) }}
{{- end }}
{{- if and $cache.image.repository (not (or $cache.image.tag $cache.image.digest)) }}
{{- fail (printf "%s.modelCache.image.tag is not set: name the tag that has the models" .value) }}
{{- end }}
{{- end }}

{{- define "inference.guardScaling" -}}
{{- $auto := .pool.autoscaling }}
{{- if and (not (kindIs "invalid" $auto.idleReplicaCount)) (le (int $auto.minReplicas) (int $auto.idleReplicaCount)) }}
{{- fail (printf "%s.autoscaling.idleReplicaCount must be below minReplicas: raise minReplicas, or unset it, as minReplicas 0 stops all workers too" .value) }}
{{- end }}
{{- if gt (int $auto.fallback.replicas) (int $auto.maxReplicas) }}
{{- fail (printf "%s.autoscaling.fallback.replicas is above its maxReplicas: lower it" .value) }}
{{- end }}
{{- end }}

{{- define "inference.guardPlaceholder" -}}
{{- if .pool.resourceClaims }}
{{- fail (printf "%s.placeholder can't give way with resourceClaims, as the scheduler preempts nothing for such a device: set placeholder.replicas to 0, and minReplicas for a spare worker" .value) }}
{{- end }}
{{- if .pool.held }}
{{- fail (printf "%s.placeholder would hold another node than the one on which modelCache.claim keeps the pool: take ReadWriteMany, or set placeholder.replicas to 0" .value) }}
{{- end }}
{{- end }}
