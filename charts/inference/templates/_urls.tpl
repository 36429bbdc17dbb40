{{/* What the URLs of store and broker say. The programs read the same in inference/redis_access and inference/broker. */}}

{{/*
A URL as YAML. KEDA looks from its own namespace, so a name without a dot gets this one. {root, url, value}
  address   host:port, with commas where there are several
  ports     of those hosts, each once
  sentinels whether they are Sentinels, which name the server
  master    what the Sentinels call it
  files     the files of certificates that it names
*/}}
{{- define "inference.server" -}}
{{- include "inference.guardConnections" .root }}
{{- include "inference.guardUrl" . }}
{{- $scheme := regexFind "^[a-z]+" .url }}
{{- $rest := regexReplaceAll "^[a-z]+://" .url "" }}
{{- $authority := regexFind "^[^/?]*" $rest }}
{{- $userinfo := regexSplit ":" (contains "@" $authority | ternary (regexReplaceAll "@[^@]*$" $authority "") "") 2 }}
{{- $path := regexReplaceAll "^[^/?]*/?([^?]*).*$" $rest "${1}" }}
{{- $options := include "inference.options" .url | fromYaml }}
{{- $addresses := list }}
{{- $ports := list }}
{{- range splitList "," (regexReplaceAll "^.*@" $authority "") }}
{{- $port := regexFind ":[0-9]+$" . | trimPrefix ":" | default (get (dict "amqp" "5672" "amqps" "5671" "sentinel" "26379") $scheme) | default "6379" }}
{{- $host := regexReplaceAll ":[0-9]+$" . "" }}
{{- $bare := not (or (contains "." $host) (contains ":" $host)) }}
{{- $addresses = append $addresses (printf "%s:%s" ($bare | ternary (printf "%s.%s.svc" $host $.root.Release.Namespace) $host) $port) }}
{{- $ports = append $ports (int $port) }}
{{- end }}
{{- $files := list }}
{{- $says := list }}
{{- range $name, $value := $options }}
{{- if regexMatch "^(ssl_(ca_certs|ca_path|certfile|keyfile)|(cacert|cert|key)file)$" $name }}{{ $files = append $files $value }}{{ end }}
{{- if hasPrefix "ssl_" $name }}{{ $says = append $says $name }}{{ end }}
{{- end }}
{{- $tls := hasKey $options "ssl" | ternary (has (lower (get $options "ssl" | default "")) (list "1" "true" "yes")) (not (empty $says)) }}
address: {{ join "," $addresses | quote }}
ports: {{ uniq $ports | toJson }}
sentinels: {{ eq $scheme "sentinel" }}
master: {{ get $options "service_name" | default "" | quote }}
database: {{ get $options "db" | default $path | default "0" | quote }}
tls: {{ eq $scheme "sentinel" | ternary $tls (has $scheme (list "rediss" "amqps")) }}
unverified: {{ has (lower (get $options "ssl_cert_reqs" | default "")) (list "none" "cert_none") }}
unnamed: {{ has (lower (get $options "ssl_check_hostname" | default "")) (list "0" "false" "no") }}
plainSentinels: {{ has (lower (get $options "sentinel_ssl" | default "")) (list "0" "false" "no") }}
files: {{ $files | toJson }}
username: {{ include "inference.unescape" (index $userinfo 0) | default (get $options "username") | default "" | quote }}
password: {{ include "inference.unescape" (len $userinfo | eq 2 | ternary (last $userinfo) "") | default (get $options "password") | default "" | quote }}
sentinelUsername: {{ get $options "sentinel_username" | default "" | quote }}
sentinelPassword: {{ get $options "sentinel_password" | default "" | quote }}
{{- end }}

{{/* The options behind a URL's question mark, as YAML; takes the URL. */}}
{{- define "inference.options" -}}
{{- range splitList "&" (contains "?" . | ternary (regexReplaceAll "^[^?]*\\?" . "") "") }}
{{- if . }}
{{- $pair := regexSplit "=" . 2 }}
{{- $name := get (dict "virtual_host" "db" "master_name" "service_name") (index $pair 0) | default (index $pair 0) }}
{{ $name | quote }}: {{ include "inference.unescape" (len $pair | eq 2 | ternary (last $pair | replace "+" " ") "") | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Undoes %40 and the like: a URL's path is the one thing that Sprig gives unescaped. */}}
{{- define "inference.unescape" -}}
{{- (urlParse (printf "http://host/%s" .)).path | trimPrefix "/" }}
{{- end }}

{{/* Certificates, by the name of what they are for; each file is a key of its Secret. A changed Secret changes the files. */}}
{{- define "inference.certificateMounts" -}}
{{- range $for := list "store" "broker" }}
{{- if (get $.Values $for).tls.existingSecret }}
- {name: {{ $for }}-tls, mountPath: /tls/{{ $for }}, readOnly: true}
{{- end }}
{{- end }}
{{- end }}

{{- define "inference.certificateVolumes" -}}
{{- range $for := list "store" "broker" }}
{{- with (get $.Values $for).tls.existingSecret }}
- name: {{ $for }}-tls
  secret: {secretName: {{ . | quote }}, defaultMode: 0440}
{{- end }}
{{- end }}
{{- end }}
