{{/* Batch inference: one job on a schedule and once after the installation, and where its file is. */}}

{{/*
What the values come to, as YAML.
  claim  what is mounted; '' with an object store
  held   whether only the pods of one node can mount it
*/}}
{{- define "inference.batch" -}}
{{- $own := .Values.batchInference }}
{{- $claimed := not $own.outputUrl -}}
enabled: {{ if kindIs "invalid" $own.enabled }}{{ .Values.tryout.enabled }}{{ else }}{{ $own.enabled }}{{ end }}
url: {{ $own.outputUrl | default "/matches/matches.parquet" | quote }}
claim: {{ $claimed | ternary ($own.claim.existingClaim | default (printf "%s-matches" (include "inference.fullname" .))) "" | quote }}
made: {{ and $claimed (empty $own.claim.existingClaim) }}
held: {{ and $claimed (empty $own.claim.existingClaim) (eq $own.claim.accessMode "ReadWriteOnce") }}
{{- end }}

{{/* The pool whose model scores, as YAML. */}}
{{- define "inference.batchPool" -}}
{{- include "inference.guardPools" . }}
{{- include "inference.guardBatchPool" . }}
{{- $pools := dict }}
{{- include "inference.pools" (dict "root" . "into" $pools) }}
{{- $name := .Values.batchInference.pool | default .Values.api.defaultPool | default (keys $pools | sortAlpha | first) }}
{{- get $pools $name | toYaml }}
{{- end }}

{{/* Labels by which the pods that mount one claim find each other. */}}
{{- define "inference.matchesLabels" -}}
{{- $batch := include "inference.batch" . | fromYaml }}
{{- if and $batch.enabled $batch.held }}
inference/matches: {{ $batch.claim }}
{{- end }}
{{- end }}

{{/* An affinity, and with it that all who mount a claim of one node's are on one node. {root, affinity} */}}
{{- define "inference.heldTogether" -}}
{{- with include "inference.matchesLabels" .root | fromYaml }}
{{- include "inference.onNodeOf" (dict "affinity" $.affinity "labels" (merge (dict "app.kubernetes.io/instance" $.root.Release.Name) .)) }}
{{- else }}
{{- with .affinity }}{{ toYaml . }}{{ end }}
{{- end }}
{{- end }}

{{- define "inference.batchEnv" -}}
{{- $own := .Values.batchInference -}}
MODEL_URI: {{ (include "inference.batchPool" . | fromYaml).modelUri | quote }}
MODEL_CODE: {{ .Values.modelCode }}
MLFLOW_TRACKING_URI: {{ include "inference.trackingUri" . | quote }}
START_TIMEOUT_S: {{ include "inference.startTimeout" . | quote }}
BATCH_OUTPUT_URL: {{ (include "inference.batch" . | fromYaml).url | quote }}
BATCH_SIZE: {{ int $own.batchSize | quote }}
{{- include "inference.caEnv" . }}
{{- with $own.fromDate }}
BATCH_FROM_DATE: {{ . | quote }}
{{- end }}
HOME: /tmp
PYTHONUNBUFFERED: "1"
{{- end }}

{{/* The spec of a Job. A run that was ended goes on from what it had scored, so its retries cost little. */}}
{{- define "inference.batchJob" -}}
{{- $own := .Values.batchInference }}
{{- $batch := include "inference.batch" . | fromYaml }}
{{- $pool := include "inference.batchPool" . | fromYaml }}
{{- $names := dict "root" . "component" "batch" "own" (include "inference.matchesLabels" . | fromYaml) "extra" $own.podLabels -}}
backoffLimit: 6
activeDeadlineSeconds: {{ int $own.timeoutSeconds }}
template:
  metadata:
    labels:
      {{- include "inference.podLabels" $names | nindent 6 }}
    {{- with include "inference.podAnnotations" $own.podAnnotations | trim }}
    {{- . | nindent 4 }}
    {{- end }}
  spec:
    restartPolicy: OnFailure
    {{- with include "inference.batchAccount" (dict "root" . "pool" $pool) }}
    serviceAccountName: {{ . }}
    {{- end }}
    automountServiceAccountToken: {{ $own.serviceAccount.automountServiceAccountToken }}
    {{- with include "inference.podExtras" $own | trim }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- include "inference.podDefaults" . | nindent 4 }}
    {{- with include "inference.placement" (dict "nodeSelector" $own.nodeSelector "tolerations" $own.tolerations "affinity" (include "inference.heldTogether" (dict "root" .) | fromYaml) "priorityClassName" "") | trim }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with include "inference.moreContainers" (dict "root" . "containers" $own.initContainers) | trim }}
    initContainers:
      {{- . | nindent 6 }}
    {{- end }}
    containers:
      - name: batch
        {{- include "inference.image" (dict "root" . "image" .Values.image.worker "over" $pool.image) | nindent 8 }}
        terminationMessagePolicy: FallbackToLogsOnError
        command: [python, -m, examples.football.scoring]
        securityContext:
          {{- include "inference.containerSecurity" . | nindent 10 }}
        env:
          {{- include "inference.env" (dict "own" (include "inference.batchEnv" . | fromYaml) "more" $own.env) | trim | nindent 10 }}
        {{- with include "inference.envSources" (dict "refs" (list .Values.mlflow.existingSecret $own.existingSecret) "more" $own.extraEnvFrom) | trim }}
        envFrom:
          {{- . | nindent 10 }}
        {{- end }}
        resources:
          {{- toYaml $own.resources | nindent 10 }}
        volumeMounts:
          - {name: tmp, mountPath: /tmp}
          {{- if $batch.claim }}
          - {name: matches, mountPath: /matches}
          {{- end }}
          {{- with include "inference.caMount" . | trim }}
          {{- . | nindent 10 }}
          {{- end }}
          {{- with $own.volumeMounts }}
          {{- toYaml . | nindent 10 }}
          {{- end }}
    volumes:
      - name: tmp
        emptyDir: {sizeLimit: {{ $pool.tmp.size }}}
      {{- with $batch.claim }}
      - name: matches
        persistentVolumeClaim: {claimName: {{ . }}}
      {{- end }}
      {{- with include "inference.caVolume" . | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- with $own.volumes }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
{{- end }}
