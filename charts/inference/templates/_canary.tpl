{{/* Pools that take a percentage of another's calls. Gateways alone are told, so that moving it restarts no worker. */}}

{{/* As gateways read it: canary=main:percent,… */}}
{{- define "inference.canaries" -}}
{{- $pools := dict }}
{{- include "inference.pools" (dict "root" . "into" $pools) }}
{{- $canaries := list }}
{{- range $name, $pool := $pools }}
{{- with $pool.canary.of }}
{{- $canaries = append $canaries (printf "%s=%s:%s" $name . (toString $pool.canary.trafficPercent)) }}
{{- end }}
{{- end }}
{{- join "," $canaries }}
{{- end }}

{{- define "inference.guardCanaries" -}}
{{- $pools := dict }}
{{- include "inference.pools" (dict "root" . "into" $pools) }}
{{- $given := dict }}
{{- range $name, $pool := $pools }}
{{- $value := printf "workerPools.%s.canary" $name }}
{{- $of := $pool.canary.of }}
{{- if $of }}
{{- if eq $of $name }}
{{- fail (printf "%s.of is the pool itself: name the pool whose calls it takes a share of" $value) }}
{{- end }}
{{- if not (hasKey $pools $of) }}
{{- fail (printf "%s.of is %s, which is not an enabled pool: choose one of %s" $value $of (without (keys $pools | sortAlpha) $name | join ", ")) }}
{{- end }}
{{- with (get $pools $of).canary.of }}
{{- fail (printf "%s.of is %s, which is itself a canary: name %s instead" $value $of .) }}
{{- end }}
{{- if eq $name $.Values.api.defaultPool }}
{{- fail (printf "api.defaultPool is %s, which is a canary: calls that name no model would all be its, so name %s instead" $name $of) }}
{{- end }}
{{- $sum := addf (get $given $of | default 0) $pool.canary.trafficPercent }}
{{- if gt $sum 100.0 }}
{{- fail (printf "the canaries of %s take %v percent of its calls: lower their canary.trafficPercent to 100 together" $of $sum) }}
{{- end }}
{{- $_ := set $given $of $sum }}
{{- else if $pool.canary.trafficPercent }}
{{- fail (printf "%s.trafficPercent is of no pool's calls: set %s.of" $value $value) }}
{{- end }}
{{- end }}
{{- end }}
