{{/* Names, labels and what all pods share. */}}

{{- define "inference.name" -}}
{{- .Values.nameOverride | default .Chart.Name }}
{{- end }}

{{- define "inference.fullname" -}}
{{- $name := include "inference.name" . }}
{{- .Values.fullnameOverride | default (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) }}
{{- end }}

{{/* A selector can never be changed, so it holds only what never changes. {root, component} */}}
{{- define "inference.selectorLabels" -}}
app.kubernetes.io/name: {{ include "inference.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of an object. {root, component} */}}
{{- define "inference.labels" -}}
{{- $own := include "inference.selectorLabels" . | fromYaml }}
{{- $_ := set $own "app.kubernetes.io/version" .root.Chart.AppVersion }}
{{- $_ := set $own "app.kubernetes.io/part-of" "inference" }}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service }}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version) }}
{{- merge $own .root.Values.commonLabels | toYaml }}
{{- end }}

{{/* Labels of a pod: no version, which would replace every worker for a change of the chart alone. {root, component, extra} */}}
{{- define "inference.podLabels" -}}
{{- merge (include "inference.selectorLabels" . | fromYaml) (.own | default dict) (.extra | default dict) .root.Values.commonLabels | toYaml }}
{{- end }}

{{/* {root, image, over}: `over` is a pool's own choice. The release's one registry for all charts in it, `global`, wins over all.
     A tag of one's own is no longer the image's whose digest is told. */}}
{{- define "inference.image" -}}
{{- $over := .over | default dict }}
{{- $registry := .root.Values.global.imageRegistry | default $over.registry | default .image.registry | default .root.Values.image.registry | trimSuffix "/" }}
{{- $repository := $over.repository | default .image.repository }}
{{- $tag := $over.tag | default .image.tag | default .root.Chart.AppVersion }}
{{- $digest := $over.digest | default (not (or $over.repository $over.tag) | ternary .image.digest "") -}}
image: {{ printf "%s%s%s" (empty $registry | ternary "" (print $registry "/")) $repository (empty $digest | ternary (print ":" $tag) (print "@" $digest)) | quote }}
imagePullPolicy: {{ $over.pullPolicy | default .image.pullPolicy }}
{{- end }}

{{/* Secrets to pull with: this chart's and those of all charts, each once, by name or as {name: …}. */}}
{{- define "inference.pullSecrets" -}}
{{- $names := list }}
{{- range concat (.Values.imagePullSecrets | default list) (.Values.global.imagePullSecrets | default list) }}
{{- $names = append $names (kindIs "map" . | ternary . (dict "name" .)).name }}
{{- end }}
{{- range uniq $names }}
- name: {{ . }}
{{- end }}
{{- end }}

{{/* What every pod says, for Pod Security "restricted". Variables of Services are off: one named `probe` would set PROBE_PORT. */}}
{{- define "inference.podDefaults" -}}
enableServiceLinks: false
securityContext:
  {{- include "inference.podSecurity" . | nindent 2 }}
{{- with include "inference.pullSecrets" . | trim }}
imagePullSecrets:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where a pod may run. Takes the values of the api or of a pool. */}}
{{- define "inference.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* A number as a program reads it: Helm has 1000000 as a float and would print 1e+06. */}}
{{- define "inference.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* `env:` from a map, so that no name is there twice: {own, more}. A value is a text, a number or what an env entry may hold. */}}
{{- define "inference.env" -}}
{{- $all := deepCopy .own }}
{{- include "inference.merge" (dict "into" $all "from" .more) }}
{{- range $name, $value := $all }}
- name: {{ $name | quote }}
  {{- if kindIs "map" $value }}
  {{- toYaml $value | nindent 2 }}
  {{- else }}
  value: {{ include "inference.text" $value | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "inference.startTimeout" -}}
{{- .Values.tryout.enabled | ternary (max 600 .Values.startTimeoutSeconds) (int .Values.startTimeoutSeconds) }}
{{- end }}

{{/* How long gateways without any model are not ready: a trial trains its models after the gateways began. */}}
{{- define "inference.waitForModel" -}}
{{- kindIs "invalid" .Values.api.waitForModelSeconds | ternary (.Values.tryout.enabled | ternary 3600 0) (.Values.api.waitForModelSeconds | default 0 | int) }}
{{- end }}

{{/* Copies `from` over `into`, map by map. Sprig's mergeOverwrite would keep `true` where a pool says `false`. */}}
{{- define "inference.merge" -}}
{{- range $key, $value := .from }}
{{- if and (kindIs "map" $value) (kindIs "map" (get $.into $key)) }}
{{- include "inference.merge" (dict "into" (get $.into $key) "from" $value) }}
{{- else if not (kindIs "invalid" $value) }}
{{- $_ := set $.into $key $value }}
{{- end }}
{{- end }}
{{- end }}
