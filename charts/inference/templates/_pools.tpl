{{/*
Puts the enabled pools into the map `into`, each with its defaults and what follows from them. {root, into}
  drain  lets any run end: batch wait, run limit, and 5 s for beginning and writing (RUN_MARGIN_S of worker/settings.py)
  grace  what Kubernetes waits for: a drain, then handing back through a store that is slow
  start  store, broker and registry may each take the start timeout, then the model loads
  minReplicas  1 at least for a canary with a share: gateways send it nothing while it has no worker, so KEDA would start none
  model  the name in the registry; the pool's own is the queue's, the keys' and the metrics', and told where it differs
*/}}
{{- define "inference.pools" -}}
{{- $root := .root }}
{{- $into := .into }}
{{- range $name, $given := $root.Values.workerPools }}
{{- $pool := deepCopy $root.Values.workerPoolDefaults }}
{{- include "inference.merge" (dict "into" $pool "from" ($given | default dict)) }}
{{- if $pool.enabled }}
{{- $longest := add $pool.runLimitSeconds (ceil (divf $pool.batch.maxWaitMs 1000)) 5 }}
{{- $_ := set $pool "drain" (kindIs "invalid" $pool.drainTimeoutSeconds | ternary $longest ($pool.drainTimeoutSeconds | default 0 | int)) }}
{{- $_ := set $pool "grace" (add $pool.drain 30) }}
{{- $_ := set $pool "start" (add (mul 3 (include "inference.startTimeout" $root | int)) $pool.loadTimeoutSeconds) }}
{{- $_ := set $pool "model" (regexReplaceAll "(?s)^models:/(.*)[@/].*$" $pool.modelUri "${1}") }}
{{- $_ := set $pool "name" $name }}
{{- $_ := set $pool "renamed" (ne $name $pool.model) }}
{{- $_ := set $pool "fullname" (printf "%s-worker-%s" (include "inference.fullname" $root) $name) }}
{{- $_ := set $pool "scaled" (and $root.Values.keda.enabled $pool.autoscaling.enabled) }}
{{- if gt (float64 $pool.canary.trafficPercent) 0.0 }}
{{- $_ := set $pool.autoscaling "minReplicas" (max 1 (int $pool.autoscaling.minReplicas)) }}
{{- end }}
{{- $label := regexReplaceAll "[^A-Za-z0-9_.-]+" $pool.model "-" | trunc 63 | trimAll "-_." | default $name }}
{{- $_ := set $pool "labels" (dict "inference/pool" $name "inference/model" $label) }}
{{- if and (gt (int $pool.gpu.count) 0) }}
{{- $taint := dict "key" $pool.gpu.resource "operator" "Exists" "effect" "NoSchedule" }}
{{- $_ := set $pool "tolerations" (append $pool.tolerations $taint) }}
{{- end }}
{{- $_ := set $into $name $pool }}
{{- end }}
{{- end }}
{{- end }}

{{/* What the gateway serves, its default first; a pool that is not named like its model as name=models:/… */}}
{{- define "inference.modelUris" -}}
{{- $pools := dict }}
{{- include "inference.pools" (dict "root" . "into" $pools) }}
{{- $default := .Values.api.defaultPool }}
{{- $uris := list }}
{{- range $name, $pool := $pools }}
{{- $uri := $pool.renamed | ternary (printf "%s=%s" $name $pool.modelUri) $pool.modelUri }}
{{- $uris = eq $name $default | ternary (prepend $uris $uri) (append $uris $uri) }}
{{- end }}
{{- join "," $uris }}
{{- end }}

{{/* A pool's requests and limits, with its GPUs. */}}
{{- define "inference.poolResources" -}}
{{- $resources := deepCopy .resources }}
{{- if gt (int .gpu.count) 0 }}
{{- $limits := get $resources "limits" | default dict }}
{{- $_ := set $limits .gpu.resource (int .gpu.count) }}
{{- $_ := set $resources "limits" $limits }}
{{- end }}
{{- toYaml $resources }}
{{- end }}
