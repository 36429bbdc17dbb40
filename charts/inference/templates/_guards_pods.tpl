{{/* What users add to the pods must meet nothing of the chart's: a pod with two volumes of a name is refused by the cluster, and the later of two
     mounts hides the other. The pods are looked at as they are rendered, so that no list of the chart's own names can be forgotten. */}}

{{- define "inference.guardPods" -}}
{{- $root := . }}
{{- range $file, $values := dict "api/deployment" "api" "workers/deployment" "workerPools" "batch/cronjob" "batchInference" "tryout/training" "tryout.training" }}
{{- range splitList "\n---" (include (printf "%s/%s.yaml" $root.Template.BasePath $file) $root) }}
{{- $object := . | fromYaml }}
{{- with dig "spec" "jobTemplate" "spec" "template" (dig "spec" "template" dict $object) $object }}
{{- $pool := dig "metadata" "labels" "inference/pool" "" . }}
{{- $value := eq $values "workerPools" | ternary (printf "workerPools.%s" $pool) $values }}
{{- include "inference.guardPodSpec" (dict "spec" .spec "value" $value) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* {spec, value} */}}
{{- define "inference.guardPodSpec" -}}
{{- $value := .value }}
{{- $volumes := dict }}
{{- range .spec.volumes }}
{{- if hasKey $volumes .name }}
{{- fail (printf "%s.volumes has %s, and the pod has a volume of that name already: choose another name" $value .name) }}
{{- end }}
{{- $_ := set $volumes .name true }}
{{- end }}
{{- $containers := dict }}
{{- range concat .spec.containers (.spec.initContainers | default list) }}
{{- if hasKey $containers .name }}
{{- fail (printf "%s has two containers named %s: choose another name in extraContainers or initContainers" $value .name) }}
{{- end }}
{{- $_ := set $containers .name true }}
{{- $container := .name }}
{{- $paths := dict }}
{{- range .volumeMounts }}
{{- $path := trimSuffix "/" .mountPath | default "/" }}
{{- if not (hasKey $volumes .name) }}
{{- fail (printf "%s mounts %s in its container %s, and the pod has no volume of that name: add it to %s.volumes" $value .name $container $value) }}
{{- end }}
{{- if hasKey $paths $path }}
{{- fail (printf "%s mounts %s at %s in its container %s, where %s is mounted already: choose another path" $value .name $path $container (get $paths $path)) }}
{{- end }}
{{- if has $path (list "/" "/srv" "/opt" "/opt/venv" "/tls") }}
{{- fail (printf "%s mounts %s at %s, which would hide the program's own files: choose another path" $value .name $path) }}
{{- end }}
{{- $_ := set $paths $path .name }}
{{- end }}
{{- end }}
{{- $ports := dict }}
{{- range .spec.containers }}
{{- $container := .name }}
{{- range .ports }}
{{- $port := int .containerPort | toString }}
{{- if hasKey $ports $port }}
{{- fail (printf "%s.extraContainers has %s, which listens on port %s as %s does: choose another port" $value $container $port (get $ports $port)) }}
{{- end }}
{{- $_ := set $ports $port $container }}
{{- end }}
{{- end }}
{{- end }}

{{- define "inference.guardCaBundle" -}}
{{- if and .Values.caBundle.existingConfigMap .Values.caBundle.existingSecret }}
{{- fail "caBundle.existingConfigMap and caBundle.existingSecret are both set: keep one of them" }}
{{- end }}
{{- end }}

{{- define "inference.guardAccounts" -}}
{{- $accounts := dict "api" .Values.api.serviceAccount "tryout" .Values.tryout.serviceAccount "batchInference" .Values.batchInference.serviceAccount }}
{{- $pools := dict }}
{{- include "inference.pools" (dict "root" . "into" $pools) }}
{{- range $name, $pool := $pools }}
{{- if and $pool.serviceAccountName (or $pool.serviceAccount.name $pool.serviceAccount.annotations $pool.serviceAccount.labels) }}
{{- fail (printf "workerPools.%s.serviceAccountName is the old name of serviceAccount.name, and both are used: set serviceAccount.create=false and serviceAccount.name=%s in its place" $name $pool.serviceAccountName) }}
{{- end }}
{{- if not $pool.serviceAccountName }}
{{- $_ := set $accounts (printf "workerPools.%s" $name) $pool.serviceAccount }}
{{- end }}
{{- end }}
{{- range $value, $account := $accounts }}
{{- if and (not $account.create) (or $account.annotations $account.labels) }}
{{- fail (printf "%s.serviceAccount has annotations or labels, and only an account that the chart makes gets them: set %s.serviceAccount.create=true" $value $value) }}
{{- end }}
{{- end }}
{{- if .Values.api.podReader.enabled }}
{{- if not (include "inference.apiAccount" .) }}
{{- fail "api.podReader gives the gateways' service account a right, and they would have the namespace's default one, as any other pod: set api.serviceAccount.create=true or its name" }}
{{- end }}
{{- if eq (include "inference.apiToken" .) "false" }}
{{- fail "api.podReader needs the account's token: leave api.serviceAccount.automountServiceAccountToken at null, or set api.podReader.enabled=false" }}
{{- end }}
{{- end }}
{{- end }}
