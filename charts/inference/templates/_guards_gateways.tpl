{{/* What can't work of how gateways are reached and scaled. */}}

{{- define "inference.guardGateways" -}}
{{- include "inference.guardGatewayScaling" . }}
{{- include "inference.guardService" . }}
{{- with .Values.api.ingress }}
{{- if and .enabled (not .hosts) }}
{{- fail "api.ingress.enabled needs hosts: set api.ingress.hosts, as in [{host: inference.example.com}]" }}
{{- end }}
{{- end }}
{{- with .Values.api.httpRoute }}
{{- if and .enabled (not .parentRefs) }}
{{- fail "api.httpRoute.enabled needs a Gateway: set api.httpRoute.parentRefs, as in [{name: public, namespace: gateways}]" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "inference.guardGatewayScaling" -}}
{{- $auto := .Values.api.autoscaling }}
{{- if $auto.enabled }}
{{- if gt (int $auto.minReplicas) (int $auto.maxReplicas) }}
{{- fail "api.autoscaling.minReplicas is above its maxReplicas: lower it" }}
{{- end }}
{{- if $auto.triggers }}
{{- if not .Values.keda.enabled }}
{{- fail "api.autoscaling.triggers are KEDA's, and keda.enabled is false: use targetCPUUtilizationPercentage or metrics" }}
{{- end }}
{{- if $auto.metrics }}
{{- fail "api.autoscaling has metrics and triggers, and only one of HPA and KEDA may scale the gateways: keep one of them" }}
{{- end }}
{{- else if not (or $auto.targetCPUUtilizationPercentage $auto.targetMemoryUtilizationPercentage $auto.metrics) }}
{{- fail "api.autoscaling is enabled and has nothing to go by: set targetCPUUtilizationPercentage, metrics or triggers" }}
{{- else }}
{{- range $resource, $percent := dict "cpu" $auto.targetCPUUtilizationPercentage "memory" $auto.targetMemoryUtilizationPercentage }}
{{- if and $percent (not (dig "requests" $resource "" ($.Values.api.resources | default dict))) }}
{{- fail (printf "api.autoscaling goes by a share of resources.requests.%s, which is not set: set api.resources.requests.%s" $resource $resource) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "inference.guardService" -}}
{{- $service := .Values.api.service }}
{{- if ne $service.type "LoadBalancer" }}
{{- range list "loadBalancerClass" "loadBalancerIP" "loadBalancerSourceRanges" }}
{{- if get $service . }}
{{- fail (printf "api.service.%s is for type LoadBalancer, and api.service.type is %s: set the type or unset it" . $service.type) }}
{{- end }}
{{- end }}
{{- if eq $service.type "ClusterIP" }}
{{- range list "nodePort" "externalTrafficPolicy" }}
{{- if get $service . }}
{{- fail (printf "api.service.%s is for type NodePort or LoadBalancer, and api.service.type is ClusterIP: set the type or unset it" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
