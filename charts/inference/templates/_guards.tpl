{{/* What can't work stops the rendering here, with a sentence that says what to do. */}}

{{/* {url, value}: no sentence shows the URL, which has a password. */}}
{{- define "inference.guardUrl" -}}
{{- $user := "(([-A-Za-z0-9._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*@)?" }}
{{- $host := "(\\[[0-9A-Fa-f:.]+\\]|[-A-Za-z0-9._]+)(:[0-9]+)?" }}
{{- $options := "(\\?[^\\s#]*)?$" }}
{{- $broker := eq .value "broker.url" }}
{{- $redis := regexMatch (print "^rediss?://" $user $host "(/[0-9]*)?" $options) .url }}
{{- $sentinels := regexMatch (print "^sentinel://" $user $host "(," $host ")*(/[0-9]*)?" $options) .url }}
{{- $rabbitmq := and $broker (regexMatch (print "^amqps?://" $user $host "(," $host ")*(/([-A-Za-z0-9._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*)?" $options) .url) }}
{{- if hasPrefix "unix:" .url }}
{{- fail (printf "%s is a socket, which no other pod can reach: give it as redis://host:port/database" .value) }}
{{- else if not (or $redis $sentinels $rabbitmq) }}
{{- fail (printf "%s must read redis://[user:password@]host:port/database, rediss:// for TLS, or sentinel://[user:password@]host:port,host:port/database?service_name=name%s; write special characters of a password as %%40" .value (ternary ", or for RabbitMQ amqp://[user:password@]host:port/virtual-host, amqps:// for TLS" "" $broker)) }}
{{- else if regexMatch "^[a-z]+://([^@]*@)?([^@/?]*,)?(localhost|127\\.|\\[::1\\])" .url }}
{{- fail (printf "%s names localhost, which is each pod itself: name the Service or server instead" .value) }}
{{- else if and $sentinels (not (regexMatch "[?&](service_name|master_name)=[^&]" .url)) }}
{{- fail (printf "%s must name what its Sentinels watch, as in sentinel://host:26379/0?service_name=mymaster" .value) }}
{{- end }}
{{- end }}

{{/* Certificates must be where the URL looks for them. {root, part, url} */}}
{{- define "inference.guardCertificates" -}}
{{- if .url }}
{{- $secrets := dict "/tls/store" .root.Values.store.tls.existingSecret "/tls/broker" .root.Values.broker.tls.existingSecret }}
{{- $named := dict }}
{{- range (include "inference.server" (dict "root" .root "url" .url "value" (print .part ".url")) | fromYaml).files }}
{{- $folder := dir . }}
{{- $_ := set $named $folder true }}
{{- if and (hasKey $secrets $folder) (not (get $secrets $folder)) }}
{{- fail (printf "%s.url names %s, which nothing mounts: set %s.tls.existingSecret to a Secret with that key" $.part . (base $folder)) }}
{{- end }}
{{- end }}
{{- $own := print "/tls/" .part }}
{{- if and (get $secrets $own) (not (hasKey $named $own)) }}
{{- fail (printf "%s.tls.existingSecret is mounted at %s, and %s.url names no file there: add ?ssl_ca_certs=%s/ca.crt to it" .part $own .part $own) }}
{{- end }}
{{- end }}
{{- end }}

{{/* KEDA has one answer for servers and Sentinels, and verifies a name with the certificate or neither. */}}
{{- define "inference.guardKeda" -}}
{{- if and .Values.keda.enabled .Values.store.url }}
{{- $store := include "inference.store" . | fromYaml }}
{{- if and $store.tls $store.unnamed (not $store.unverified) }}
{{- fail "store.url has ssl_check_hostname=false, and KEDA would refuse the certificate: give the server one with its name, or set keda.enabled=false" }}
{{- end }}
{{- if and $store.sentinels $store.tls $store.plainSentinels }}
{{- fail "store.url has sentinel_ssl=false, and KEDA asks Sentinels by TLS where the servers have it: give them TLS too, or set keda.enabled=false" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "inference.guardConnections" -}}
{{- $v := .Values }}
{{- if $v.tryout.enabled }}
{{- range $name, $value := dict "store.url" $v.store.url "store.existingSecret" $v.store.existingSecret "broker.url" $v.broker.url "broker.existingSecret" $v.broker.existingSecret "store.tls.existingSecret" $v.store.tls.existingSecret "broker.tls.existingSecret" $v.broker.tls.existingSecret "mlflow.trackingUri" $v.mlflow.trackingUri "mlflow.existingSecret" $v.mlflow.existingSecret }}
{{- if $value }}
{{- fail (printf "tryout.enabled brings its own store and MLflow server: unset %s, or set tryout.enabled=false to use yours" $name) }}
{{- end }}
{{- end }}
{{- else }}
{{- if not (or $v.store.url $v.store.existingSecret) }}
{{- fail "there is no store: set store.url or store.existingSecret, or tryout.enabled=true to try the service with a store and an MLflow server of its own" }}
{{- end }}
{{- if and $v.store.url $v.store.existingSecret }}
{{- fail "store.url and store.existingSecret are both set: keep one of them" }}
{{- end }}
{{- if and $v.broker.url $v.broker.existingSecret }}
{{- fail "broker.url and broker.existingSecret are both set: keep one of them" }}
{{- end }}
{{- if not $v.mlflow.trackingUri }}
{{- fail "there is no model registry: set mlflow.trackingUri to your MLflow server, or tryout.enabled=true to try the service with one of its own" }}
{{- end }}
{{- if not (regexMatch "^https?://[^\\s/]+(/\\S*)?$" $v.mlflow.trackingUri) }}
{{- fail (printf "mlflow.trackingUri is %s: pods reach a registry by http:// or https:// alone" $v.mlflow.trackingUri) }}
{{- end }}
{{- end }}
{{- end }}

{{/* What the programs would refuse at their start, too late for whoever installs. */}}
{{- define "inference.guardSettings" -}}
{{- $s := dict "LEASE_S" 10 "REAPER_PERIOD_S" 1 "STORE_TIMEOUT_S" 1.5 "RETRY_BASE_S" 1 "RETRY_CAP_S" 60 }}
{{- include "inference.merge" (dict "into" $s "from" .Values.settings) }}
{{- $needed := addf 4 (mulf 3 $s.REAPER_PERIOD_S) }}
{{- if le (float64 $s.LEASE_S) $needed }}
{{- fail (printf "settings.LEASE_S must be above %v: a heartbeat of 1 s, three times REAPER_PERIOD_S and 3 s to reconnect" $needed) }}
{{- end }}
{{- if ge (mulf 2 $s.STORE_TIMEOUT_S) (float64 $s.LEASE_S) }}
{{- fail "settings.STORE_TIMEOUT_S must be below half of settings.LEASE_S" }}
{{- end }}
{{- if lt (float64 $s.RETRY_CAP_S) (float64 $s.RETRY_BASE_S) }}
{{- fail "settings.RETRY_CAP_S is below settings.RETRY_BASE_S: raise it" }}
{{- end }}
{{- end }}

{{- define "inference.guardPayloads" -}}
{{- $p := .Values.payloads }}
{{- $folder := include "inference.payloadFolder" . }}
{{- if and (hasPrefix "file:" $p.url) (not (regexMatch "^/[-A-Za-z0-9._]+(/[-A-Za-z0-9._]+)*$" $folder)) }}
{{- fail (printf "payloads.url is %s: a folder must read file:///name/of/it" $p.url) }}
{{- end }}
{{- if regexMatch "^/(tmp|dev|proc|sys|app|worker|models|tls)(/|$)" $folder }}
{{- fail (printf "payloads.url names %s, which the pods use otherwise: choose a folder such as file:///payloads" $folder) }}
{{- end }}
{{- if and $folder (not $p.existingClaim) }}
{{- fail "payloads.url is a folder, and each pod would have its own: set payloads.existingClaim to a claim of mode ReadWriteMany, or use an object store" }}
{{- end }}
{{- if and $p.existingClaim (not $folder) }}
{{- fail "payloads.existingClaim is mounted at the folder of payloads.url: set that to file:///payloads" }}
{{- end }}
{{- end }}

{{/* {env, own, value, instead} */}}
{{- define "inference.guardEnv" -}}
{{- $shared := list "STORE_TIMEOUT_S" "LEASE_S" "REAPER_PERIOD_S" "MAX_ATTEMPTS" "RETRY_BASE_S" "RETRY_CAP_S" "RESULT_TTL_S" "TOMBSTONE_TTL_S" "DEAD_LETTER_TTL_S" "DEAD_LETTER_MAX_COUNT" "DEAD_LETTER_MAX_BYTES" "PAYLOAD_THRESHOLD_BYTES" "FETCH_ALLOWED_NETWORKS" }}
{{- range $name, $_ := .env }}
{{- if not (regexMatch "^[A-Za-z_][A-Za-z0-9_]*$" $name) }}
{{- fail (printf "%s.%s is not the name of an environment variable" $.value $name) }}
{{- end }}
{{- if has $name $shared }}
{{- fail (printf "%s sets %s, in which gateways and workers must agree: set settings.%s" $.value $name $name) }}
{{- else if hasKey $.own $name }}
{{- fail (printf "%s sets %s, which the chart sets itself from %s" $.value $name $.instead) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "inference.guardApi" -}}
{{- $api := .Values.api }}
{{- /* It answers for 5 s yet (LINGER_S of app/leaving.py), then its server gives open requests 15 s (--timeout-graceful-shutdown in app/Dockerfile). */}}
{{- $needed := add $api.preStopSeconds 25 }}
{{- if lt (int $api.terminationGracePeriodSeconds) (int $needed) }}
{{- fail (printf "api.terminationGracePeriodSeconds must be at least api.preStopSeconds + 25, which is %d" $needed) }}
{{- end }}
{{- $own := merge (include "inference.apiEnv" . | fromYaml) (dict "POD_NAMESPACE" "" "POD_SELECTOR" "" "PAYLOAD_URL" "" "EXTENSIONS" "" "WAIT_FOR_MODEL_S" "" "CANARIES" "") }}
{{- include "inference.guardEnv" (dict "env" $api.env "own" $own "value" "api.env" "instead" "its other values: store, broker, mlflow, payloads, keyPrefix, installation, extensions, startTimeoutSeconds, api.waitForModelSeconds, workerPools") }}
{{- end }}

{{- define "inference.guardBatchPool" -}}
{{- $own := .Values.batchInference }}
{{- $pools := dict }}
{{- include "inference.pools" (dict "root" . "into" $pools) }}
{{- if and $own.pool (not (hasKey $pools $own.pool)) }}
{{- fail (printf "batchInference.pool is %s, which is not an enabled pool: choose one of %s" $own.pool (keys $pools | sortAlpha | join ", ")) }}
{{- end }}
{{- end }}

{{- define "inference.guardBatch" -}}
{{- $own := .Values.batchInference }}
{{- if and $own.outputUrl $own.claim.existingClaim }}
{{- fail "batchInference.outputUrl and batchInference.claim.existingClaim are both set: the file is in one of them" }}
{{- end }}
{{- if and $own.existingSecret (not $own.outputUrl) }}
{{- fail "batchInference.existingSecret is for an object store: set batchInference.outputUrl too" }}
{{- end }}
{{- if and $own.outputUrl (or (not (regexMatch "^[a-z][a-z0-9+]*://[^\\s/]+/\\S+$" $own.outputUrl)) (regexMatch "^(file|local)://" $own.outputUrl)) }}
{{- fail "batchInference.outputUrl must be an object that every pod reaches, such as s3://bucket/matches.parquet; for a file leave it empty, which takes batchInference.claim" }}
{{- end }}
{{- if regexMatch "^[^/]*//[^/]*@" $own.outputUrl }}
{{- fail "batchInference.outputUrl has a user or key in it, which anybody could read in the pods: set them in batchInference.existingSecret" }}
{{- end }}
{{- $env := include "inference.batchEnv" . | fromYaml }}
{{- include "inference.guardEnv" (dict "env" $own.env "own" (merge $env (dict "BATCH_FROM_DATE" "")) "value" "batchInference.env" "instead" "its other values: batchInference, workerPools, mlflow, startTimeoutSeconds") }}
{{- end }}

{{- define "inference.guardNames" -}}
{{- $fullname := include "inference.fullname" . }}
{{- if gt (len $fullname) 40 }}
{{- fail (printf "%s is too long a start for names: set fullnameOverride to at most 40 characters" $fullname) }}
{{- end }}
{{- end }}

{{- define "inference.guardModelCode" -}}
{{- if not .Values.modelCode }}
{{- fail "modelCode is not set: refuse loads only models that are known to bring no code, allow runs whatever code everybody brings who can write to the registry" }}
{{- end }}
{{- end }}

{{- define "inference.guardPools" -}}
{{- $pools := dict }}
{{- include "inference.pools" (dict "root" . "into" $pools) }}
{{- if not $pools }}
{{- fail "no pool is enabled, so nothing could be predicted: enable one of workerPools" }}
{{- end }}
{{- if and (gt (len $pools) 1) (not .Values.api.defaultPool) }}
{{- fail (printf "there are several pools, and a request may name no model: set api.defaultPool to the one that answers it (%s)" (keys $pools | sortAlpha | join ", ")) }}
{{- end }}
{{- if and .Values.api.defaultPool (not (hasKey $pools .Values.api.defaultPool)) }}
{{- fail (printf "api.defaultPool is %s, which is not an enabled pool: choose one of %s" .Values.api.defaultPool (keys $pools | sortAlpha | join ", ")) }}
{{- end }}
{{- $uris := dict }}
{{- range $name, $pool := $pools }}
{{- include "inference.guardPool" (dict "root" $ "pool" $pool "value" (printf "workerPools.%s" $name)) }}
{{- with get $uris $pool.modelUri }}
{{- fail (printf "the pools %s and %s serve the same address, %s, by which a request picks its pool: disable one of them and raise the other's autoscaling.maxReplicas, or give one another alias" . $name $pool.modelUri) }}
{{- end }}
{{- $_ := set $uris $pool.modelUri $name }}
{{- end }}
{{- end }}

{{/* {root, pool, value} */}}
{{- define "inference.guardPool" -}}
{{- $pool := .pool }}
{{- if or (not (regexMatch "^models:/[^/:]*[^/:\\s][^/:]*(@[\\pL\\pN_-]{1,255}|/[1-9][0-9]{0,17})$" $pool.modelUri)) (regexMatch "^models:/[.]([.]|[@/][^@]*$)" $pool.modelUri) }}
{{- fail (printf "%s.modelUri is %q: it must read models:/name@alias or models:/name/version, the name without / and :, the alias of letters, digits, _ and -, the version a number" .value $pool.modelUri) }}
{{- end }}
{{- if gt (len $pool.fullname) 63 }}
{{- fail (printf "%s would be named %s, longer than the 63 characters that KEDA takes: shorten the pool's name or set fullnameOverride" .value $pool.fullname) }}
{{- end }}
{{- if gt (divf $pool.batch.maxWaitMs 1000) (float64 $pool.runLimitSeconds) }}
{{- fail (printf "%s.batch.maxWaitMs is longer than its runLimitSeconds: shorten it" .value) }}
{{- end }}
{{- if gt (int $pool.autoscaling.minReplicas) (int $pool.autoscaling.maxReplicas) }}
{{- fail (printf "%s.autoscaling.minReplicas is above its maxReplicas: lower it" .value) }}
{{- end }}
{{- range $which, $amounts := $pool.resources }}
{{- if and (kindIs "map" $amounts) (hasKey $amounts $pool.gpu.resource) }}
{{- fail (printf "%s.resources.%s asks for %s: set %s.gpu.count instead, which also adds the toleration" $.value $which $pool.gpu.resource $.value) }}
{{- end }}
{{- end }}
{{- $own := merge (include "inference.workerEnv" (dict "root" .root "pool" $pool) | fromYaml) (dict "PAYLOAD_URL" "" "POOL" "") }}
{{- include "inference.guardEnv" (dict "env" $pool.env "own" $own "value" (printf "%s.env" .value) "instead" "its other values: the pool's own, store, broker, mlflow, payloads, keyPrefix, installation, startTimeoutSeconds") }}
{{- end }}

{{/* A worker waits for its model, and `helm install --wait` for the worker: one that nothing registers would keep a trial from starting. */}}
{{- define "inference.guardTraining" -}}
{{- $training := .Values.tryout.training }}
{{- if and .Values.tryout.enabled $training.enabled }}
{{- if not $training.models }}
{{- fail "tryout.training.models is empty: list a model, or set tryout.training.enabled=false to register yours by hand" }}
{{- end }}
{{- $programs := include "inference.trainings" . | fromYaml }}
{{- $pools := dict }}
{{- include "inference.pools" (dict "root" . "into" $pools) }}
{{- range $name, $pool := $pools }}
{{- if and (hasKey $programs $pool.model) (hasSuffix "@production" $pool.modelUri) (not (has $pool.model $training.models)) }}
{{- fail (printf "workerPools.%s serves %s, which nothing registers: add %s to tryout.training.models, or set tryout.training.enabled=false to register yours by hand" $name $pool.modelUri $pool.model) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* A chart that is switched off by its parent's `condition` is never rendered. */}}
{{- define "inference.guardEnabled" -}}
{{- if not .Values.enabled }}
{{- fail "enabled=false has no effect here: it is for a chart that has this one as a dependency, which must name it as that dependency's condition" }}
{{- end }}
{{- if and (gt (len .Values.service.ipFamilies) 1) (eq .Values.service.ipFamilyPolicy "SingleStack") }}
{{- fail "service.ipFamilies names two families, and service.ipFamilyPolicy allows one: set it to PreferDualStack or RequireDualStack" }}
{{- end }}
{{- end }}
