{{/*
Puts the enabled pools into the map `into`, each with its defaults and what follows from them. {root, into}
  drain  lets any run end: batch wait, run limit, and 5 s for beginning and writing (RUN_MARGIN_S of worker/settings.py)
  grace  what Kubernetes waits for: a drain, then handing back through a store that is slow
  start  store, broker and registry may each take the start timeout, then the model loads
  minReplicas  1 at least for a canary with a share: gateways send it nothing while it has no worker, so KEDA would start none
  model  the name in the registry; the pool's own is the queue's, the keys' and the metrics', and told where it differs
  devices  whether its workers have GPUs or other devices
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
{{- /* Its Deployment's labels of the user's; `labels` are the chart's own from here on. */}}
{{- $_ := set $pool "objectLabels" $pool.labels }}
{{- $_ := set $pool "labels" (dict "inference/pool" $name "inference/model" $label) }}
{{- $_ := set $pool "devices" (or (gt (int $pool.gpu.count) 0) (not (empty $pool.resourceClaims))) }}
{{- include "inference.derivePool" (dict "root" $root "pool" $pool) }}
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
