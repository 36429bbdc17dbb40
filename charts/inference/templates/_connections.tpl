{{/* Where store, broker and MLflow are, and how the programs are told. */}}

{{- define "inference.storeUrl" -}}
{{- if .Values.tryout.enabled }}redis://{{ include "inference.fullname" . }}-valkey:6379/0{{ else }}{{ .Values.store.url }}{{ end }}
{{- end }}

{{/* By default the store's server, database 1. */}}
{{- define "inference.brokerUrl" -}}
{{- $store := include "inference.storeUrl" . }}
{{- if and .Values.tryout.enabled (eq .Values.tryout.broker "rabbitmq") }}amqp://{{ include "inference.fullname" . }}-rabbitmq:5672/%2F
{{- else if .Values.broker.url }}{{ .Values.broker.url }}
{{- else if and $store (not .Values.broker.existingSecret) }}{{ regexReplaceAll "^([a-z]+://[^/?]*)(/[^?]*)?" $store "${1}/1" }}
{{- end }}
{{- end }}

{{- define "inference.storeSecret" -}}
{{- .Values.store.existingSecret | default (printf "%s-store" (include "inference.fullname" .)) }}
{{- end }}

{{- define "inference.brokerSecret" -}}
{{- if include "inference.brokerUrl" . }}{{ include "inference.fullname" . }}-broker
{{- else }}{{ .Values.broker.existingSecret | default .Values.store.existingSecret }}
{{- end }}
{{- end }}

{{- define "inference.trackingUri" -}}
{{- if .Values.tryout.enabled }}http://{{ include "inference.fullname" . }}-mlflow:5000{{ else }}{{ .Values.mlflow.trackingUri }}{{ end }}
{{- end }}

{{/* The store as KEDA and the NetworkPolicies must know it. */}}
{{- define "inference.store" -}}
{{- $store := .Values.store }}
{{- $servers := list (int $store.port) }}
{{- if $store.existingSecret }}
{{- $watched := not (empty $store.sentinel.master) }}
master: {{ $store.sentinel.master | quote }}
ports: {{ $watched | ternary (prepend $servers (int $store.sentinel.port)) $servers | toJson }}
database: {{ $store.database | int | quote }}
tls: {{ $store.tls.enabled }}
unverified: false
{{- else }}
{{- $server := include "inference.server" (dict "root" . "url" (include "inference.storeUrl" .) "value" "store.url") | fromYaml }}
{{- $_ := set $server "ports" ($server.sentinels | ternary (concat $server.ports $servers | uniq) $server.ports) }}
{{- toYaml $server }}
{{- end }}
{{- end }}

{{/* The broker's ports, as a list. Sentinels name servers, whose port the URL does not say. */}}
{{- define "inference.brokerPorts" -}}
{{- $broker := .Values.broker }}
{{- if include "inference.brokerUrl" . }}
{{- $server := include "inference.server" (dict "root" . "url" (include "inference.brokerUrl" .) "value" "broker.url") | fromYaml }}
{{- $servers := list (int (empty $broker.url | ternary .Values.store.port $broker.port)) }}
{{- $server.sentinels | ternary (concat $server.ports $servers | uniq) $server.ports | toJson }}
{{- else if $broker.existingSecret }}{{ list (int $broker.port) | toJson }}
{{- else }}{{ (include "inference.store" . | fromYaml).ports | toJson }}
{{- end }}
{{- end }}

{{- define "inference.mlflowPort" -}}
{{- $uri := include "inference.trackingUri" . }}
{{- regexFind ":[0-9]+(/|$)" $uri | trimAll ":/" | default (hasPrefix "https" $uri | ternary "443" "80") }}
{{- end }}

{{/* The port of the collector of traces; '' without one. */}}
{{- define "inference.tracingPort" -}}
{{- with .Values.tracing.endpoint }}
{{- regexFind ":[0-9]+(/|$)" . | trimAll ":/" | default (hasPrefix "https" . | ternary "443" "80") }}
{{- end }}
{{- end }}

{{/* Start of all keys. A live release keeps its own: with another, it would no longer find what it has accepted. Where the cluster
     can't be asked (helm template, and what builds on it), only `keyPrefix` can say that there is one. */}}
{{- define "inference.keyPrefix" -}}
{{- .Values.keyPrefix | default (include "inference.liveKeyPrefix" .) | default (include "inference.ownKeyPrefix" .) }}
{{- end }}

{{- define "inference.liveKeyPrefix" -}}
{{- $live := lookup "apps/v1" "Deployment" .Release.Namespace (printf "%s-api" (include "inference.fullname" .)) }}
{{- range dig "spec" "template" "spec" "containers" list $live }}
{{- range .env }}
{{- if eq .name "KEY_PREFIX" }}{{ .value }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/* A release named like its namespace is named once. A name that is too long ends in a digest. A chart inside another one shares its
     release with others, perhaps with itself under another alias: its objects' names are its own. */}}
{{- define "inference.ownKeyPrefix" -}}
{{- $release := .Chart.IsRoot | ternary .Release.Name (include "inference.fullname" .) | replace "." "-" }}
{{- $whole := eq $release .Release.Namespace | ternary $release (printf "%s-%s" .Release.Namespace $release) }}
{{- if le (len $whole) 31 }}{{ $whole }}{{ else }}{{ printf "%s-%s" (trunc 22 $whole) (sha256sum $whole | trunc 8) }}{{ end }}
{{- end }}

{{/* What gateways and workers are both told; names here can't be set by `env`. */}}
{{- define "inference.sharedEnv" -}}
STORE_URL: {valueFrom: {secretKeyRef: {name: {{ include "inference.storeSecret" . }}, key: url}}}
BROKER_URL: {valueFrom: {secretKeyRef: {name: {{ include "inference.brokerSecret" . }}, key: url}}}
MLFLOW_TRACKING_URI: {{ include "inference.trackingUri" . | quote }}
KEY_PREFIX: {{ include "inference.keyPrefix" . | quote }}
INSTALLATION: {{ .Values.installation | default (printf "%s/%s" .Release.Namespace (.Chart.IsRoot | ternary .Release.Name (include "inference.fullname" .))) | quote }}
START_TIMEOUT_S: {{ include "inference.startTimeout" . | quote }}
HOME: /tmp
{{- include "inference.caEnv" . }}
{{- with .Values.payloads.url }}
PAYLOAD_URL: {{ . | quote }}
{{- end }}
{{- with .Values.tracing }}
{{- if .endpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ .endpoint | quote }}
OTEL_TRACES_SAMPLER: parentbased_traceidratio
OTEL_TRACES_SAMPLER_ARG: {{ .ratio | toString | quote }}
{{- with .existingSecret }}
OTEL_EXPORTER_OTLP_HEADERS: {valueFrom: {secretKeyRef: {name: {{ . }}, key: headers}}}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.settings }}
{{ $name }}: {{ include "inference.text" $value | quote }}
{{- end }}
{{- end }}

{{- define "inference.apiEnv" -}}
{{ include "inference.sharedEnv" . }}
MODEL_URIS: {{ include "inference.modelUris" . | quote }}
{{- with include "inference.waitForModel" . | int }}
WAIT_FOR_MODEL_S: {{ . | quote }}
{{- end }}
{{- with include "inference.canaries" . }}
CANARIES: {{ . | quote }}
{{- end }}
{{- with include "inference.extensions" . }}
EXTENSIONS: {{ . | quote }}
{{- end }}
{{- with include "inference.batch" . | fromYaml }}
{{- if .enabled }}
BATCH_OUTPUT_URL: {{ .url | quote }}
{{- end }}
{{- end }}
{{- if .Values.api.podReader.enabled }}
POD_NAMESPACE: {valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
POD_SELECTOR: {{ include "inference.podSelector" . | quote }}
{{- end }}
{{- end }}

{{/* The gateway's extensions, with commas; unless told, the look-ups wherever there may be something to look up. */}}
{{- define "inference.extensions" -}}
{{- if kindIs "slice" .Values.extensions }}{{ join "," .Values.extensions }}
{{- else if or .Values.tryout.enabled (include "inference.batch" . | fromYaml).enabled }}examples.football.gateway:install
{{- end }}
{{- end }}

{{/* The label selector of this release's workers. */}}
{{- define "inference.podSelector" -}}
{{- $terms := list }}
{{- range $key, $value := include "inference.selectorLabels" (dict "root" . "component" "worker") | fromYaml }}
{{- $terms = append $terms (printf "%s=%s" $key $value) }}
{{- end }}
{{- join "," $terms }}
{{- end }}

{{- define "inference.workerEnv" -}}
{{ include "inference.sharedEnv" .root }}
MODEL_URI: {{ .pool.modelUri | quote }}
MODEL_CODE: {{ .root.Values.modelCode }}
{{- if .pool.renamed }}
POOL: {{ .pool.name | quote }}
{{- end }}
{{- if include "inference.keepsModels" .pool }}
MODEL_CACHE_DIR: /models
{{- end }}
WORKER_ID: {valueFrom: {fieldRef: {fieldPath: metadata.name}}}
MAX_BATCH_SIZE: {{ .pool.batch.maxSize | int | quote }}
MAX_BATCH_WAIT_MS: {{ .pool.batch.maxWaitMs | int | quote }}
RUN_LIMIT_S: {{ .pool.runLimitSeconds | int | quote }}
LOAD_TIMEOUT_S: {{ .pool.loadTimeoutSeconds | int | quote }}
DRAIN_TIMEOUT_S: {{ .pool.drain | quote }}
PROBE_HOST: "::"
PROBE_PORT: "8081"
{{- end }}
