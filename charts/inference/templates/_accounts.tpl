{{/* Who the pods are to Kubernetes and to a cloud. Each component may have a service account made, or name one. */}}

{{/* An account's name, '' for the namespace's default. {account, made}: `made` is its name where none is given */}}
{{- define "inference.accountName" -}}
{{- .account.create | ternary (.account.name | default .made) .account.name }}
{{- end }}

{{- define "inference.apiAccount" -}}
{{- include "inference.accountName" (dict "account" .Values.api.serviceAccount "made" (printf "%s-api" (include "inference.fullname" .))) }}
{{- end }}

{{/* Takes a pool. `serviceAccountName` is the old name of an account of the user's. */}}
{{- define "inference.poolAccount" -}}
{{- .serviceAccountName | default (include "inference.accountName" (dict "account" .serviceAccount "made" .fullname)) }}
{{- end }}

{{/* The batch job's own, or its pool's. {root, pool} */}}
{{- define "inference.batchAccount" -}}
{{- $account := .root.Values.batchInference.serviceAccount }}
{{- include "inference.accountName" (dict "account" $account "made" (printf "%s-batch" (include "inference.fullname" .root))) | default (include "inference.poolAccount" .pool) }}
{{- end }}

{{- define "inference.tryoutAccount" -}}
{{- include "inference.accountName" (dict "account" .Values.tryout.serviceAccount "made" (printf "%s-tryout" (include "inference.fullname" .))) }}
{{- end }}

{{/* What a pod of the trial says of its account. */}}
{{- define "inference.tryoutAccountFields" -}}
{{- with include "inference.tryoutAccount" . }}
serviceAccountName: {{ . }}
{{- end }}
automountServiceAccountToken: {{ .Values.tryout.serviceAccount.automountServiceAccountToken }}
{{- end }}

{{/* Whether gateways get a token: to read pods, unless told. */}}
{{- define "inference.apiToken" -}}
{{- $own := .Values.api.serviceAccount.automountServiceAccountToken }}
{{- kindIs "invalid" $own | ternary .Values.api.podReader.enabled $own }}
{{- end }}

{{/* All accounts that are made, as a map of name to {component, annotations, labels}. Pools may share one, with the same words. */}}
{{- define "inference.accounts" -}}
{{- $root := . }}
{{- $made := dict }}
{{- $wanted := list (dict "component" "api" "account" .Values.api.serviceAccount "name" (include "inference.apiAccount" .) "value" "api") }}
{{- $pools := dict }}
{{- include "inference.pools" (dict "root" . "into" $pools) }}
{{- range $name, $pool := $pools }}
{{- if not $pool.serviceAccountName }}
{{- $wanted = append $wanted (dict "component" "worker" "account" $pool.serviceAccount "name" (include "inference.poolAccount" $pool) "value" (printf "workerPools.%s" $name)) }}
{{- end }}
{{- end }}
{{- if (include "inference.batch" . | fromYaml).enabled }}
{{- $wanted = append $wanted (dict "component" "batch" "account" .Values.batchInference.serviceAccount "name" (include "inference.batchAccount" (dict "root" . "pool" (include "inference.batchPool" . | fromYaml))) "value" "batchInference") }}
{{- end }}
{{- if .Values.tryout.enabled }}
{{- $wanted = append $wanted (dict "component" "tryout" "account" .Values.tryout.serviceAccount "name" (include "inference.tryoutAccount" .) "value" "tryout") }}
{{- end }}
{{- range $wanted }}
{{- if .account.create }}
{{- $own := dict "component" .component "annotations" .account.annotations "labels" .account.labels "value" .value }}
{{- $before := get $made .name }}
{{- if and $before (ne (toYaml (omit $before "value")) (toYaml (omit $own "value"))) }}
{{- fail (printf "%s.serviceAccount and %s.serviceAccount make %s, and say different things of it: give them different names, or create it once and name it where create is false" $before.value .value .name) }}
{{- end }}
{{- $_ := set $made .name $own }}
{{- end }}
{{- end }}
{{- toYaml $made }}
{{- end }}
