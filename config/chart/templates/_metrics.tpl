{{/* "true" if the metrics are secure. Authorizing their readers needs a ClusterRole, so they can't be secure with
watchNamespaces. */}}
{{- define "deepcall-operator.metricsSecure" -}}
{{- $secure := .Values.metrics.secure }}
{{- $restricted := include "deepcall-operator.watchNamespaces" . | fromJsonArray }}
{{- if and (kindIs "bool" $secure) $secure $restricted }}
{{- fail "metrics.secure can't be true with watchNamespaces, because it needs a ClusterRole; remove metrics.secure to serve metrics over http" }}
{{- end }}
{{- if and .Values.metrics.enabled (not $restricted) (or (kindIs "invalid" $secure) $secure) }}true{{ end }}
{{- end }}

{{/* The scheme of the metrics, which is also the name of their port. */}}
{{- define "deepcall-operator.metricsScheme" -}}
{{- include "deepcall-operator.metricsSecure" . | empty | ternary "http" "https" }}
{{- end }}

{{- define "deepcall-operator.metricsPort" -}}
{{- if eq (default 0 .Values.metrics.port | int) 8081 }}
{{- fail "metrics.port can't be 8081, the port of the probes" }}
{{- end }}
{{- .Values.metrics.port | default (include "deepcall-operator.metricsSecure" . | empty | ternary 8080 8443) | int }}
{{- end }}

{{- define "deepcall-operator.metricsService" -}}
{{- include "deepcall-operator.named" (dict "root" . "suffix" "controller-manager-metrics-service") }}
{{- end }}

{{/* The Secret with the certificate of the metrics. It is empty if the certificate is self-signed. */}}
{{- define "deepcall-operator.metricsCertificate" -}}
{{- with .Values.metrics.certificate.secretName }}
{{- if not (include "deepcall-operator.metricsSecure" $) }}
{{- fail "metrics.certificate.secretName requires secure metrics, which exclude watchNamespaces" }}
{{- end }}
{{- . }}
{{- end }}
{{- end }}

{{/* The ServiceAccount whose token the ServiceMonitor references. It is empty if the ServiceMonitor needs none, or if
its endpoint has its own credentials. */}}
{{- define "deepcall-operator.monitorReader" -}}
{{- $monitor := .Values.metrics.serviceMonitor }}
{{- $own := pick (default dict $monitor.endpoint) "authorization" "basicAuth" "bearerTokenFile" "bearerTokenSecret" "oauth2" }}
{{- if and $monitor.enabled (include "deepcall-operator.metricsSecure" .) (not $own) }}
{{- include "deepcall-operator.named" (dict "root" . "suffix" "metrics-reader") }}
{{- end }}
{{- end }}

{{/* The endpoint of the ServiceMonitor. Fields of serviceMonitor.endpoint replace the chart's as a whole: parts of
both tlsConfigs must not be combined. */}}
{{- define "deepcall-operator.monitorEndpoint" -}}
{{- $monitor := .Values.metrics.serviceMonitor }}
{{- $fields := default dict $monitor.endpoint }}
{{- $scheme := include "deepcall-operator.metricsScheme" . }}
{{- $endpoint := dict "port" $scheme "scheme" $scheme "path" "/metrics" }}
{{- if include "deepcall-operator.monitorReader" . }}
{{- $secret := include "deepcall-operator.named" (dict "root" . "suffix" "metrics-reader-token") }}
{{- $_ := set $endpoint "authorization" (dict "type" "Bearer" "credentials" (dict "name" $secret "key" "token")) }}
{{- end }}
{{- $certificate := include "deepcall-operator.metricsCertificate" . }}
{{- if $certificate }}
{{- if not (or $fields.tlsConfig (has $monitor.namespace (list "" .Release.Namespace))) }}
{{- fail "metrics.serviceMonitor.endpoint.tlsConfig is required with metrics.certificate.secretName and another metrics.serviceMonitor.namespace, because a ServiceMonitor can't reference a Secret of another namespace" }}
{{- end }}
{{- $server := printf "%s.%s.svc" (include "deepcall-operator.metricsService" .) .Release.Namespace }}
{{- $_ := set $endpoint "tlsConfig" (dict "serverName" $server "ca" (dict "secret" (dict "name" $certificate "key" "ca.crt"))) }}
{{- else if eq $scheme "https" }}
{{- $_ := set $endpoint "tlsConfig" (dict "insecureSkipVerify" true) }}
{{- end }}
{{- range $field, $value := $fields }}
{{- $_ := set $endpoint $field $value }}
{{- end }}
{{- toYaml $endpoint }}
{{- end }}
