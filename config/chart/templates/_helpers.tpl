{{/* The chart name, for labels. */}}
{{- define "deepcall-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The prefix of all names. Release names can contain dots and start with a digit; Service names can't. */}}
{{- define "deepcall-operator.fullname" -}}
{{- $name := include "deepcall-operator.name" . }}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- $full = default $full .Values.fullnameOverride | replace "." "-" }}
{{- regexMatch "^[a-z]" $full | ternary $full (printf "deepcall-%s" $full) }}
{{- end }}

{{/* The name of an object with the root context .root and the suffix .suffix. The prefix of a long name is
truncated, and a hash keeps names with the same truncated prefix unique. */}}
{{- define "deepcall-operator.named" -}}
{{- $full := include "deepcall-operator.fullname" .root }}
{{- $name := printf "%s-%s" $full .suffix }}
{{- if gt (len $name) 63 }}
{{- $kept := $full | trunc (sub 53 (len .suffix) | int) | trimSuffix "-" }}
{{- $name = printf "%s-%s-%s" $kept (sha256sum $full | trunc 8) .suffix }}
{{- end }}
{{- $name }}
{{- end }}

{{- define "deepcall-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.name }}
{{- .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.create }}
{{- include "deepcall-operator.named" (dict "root" . "suffix" "controller-manager") }}
{{- else }}
{{- fail "serviceAccount.name is required when serviceAccount.create is false" }}
{{- end }}
{{- end }}

{{/* The selector labels of the Pods. They are immutable. */}}
{{- define "deepcall-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "deepcall-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
control-plane: controller-manager
{{- end }}

{{/* All labels of an object with the root context .root and its own labels .labels. */}}
{{- define "deepcall-operator.labels" -}}
{{- $labels := include "deepcall-operator.selectorLabels" .root | fromYaml }}
{{- $_ := set $labels "app.kubernetes.io/version" .root.Chart.AppVersion }}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .root.Release.Service }}
{{- $_ := set $labels "app.kubernetes.io/part-of" "deepcall-operator" }}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") }}
{{- merge $labels (default dict .labels) (default dict .root.Values.commonLabels) | toYaml }}
{{- end }}

{{/* The metadata of an object with the root context .root, the name .name or the name suffix .suffix, and its own
.namespace, .labels and .annotations. */}}
{{- define "deepcall-operator.metadata" -}}
{{- $metadata := dict "name" .name }}
{{- if .suffix }}
{{- $_ := set $metadata "name" (include "deepcall-operator.named" .) }}
{{- end }}
{{- if .namespace }}
{{- $_ := set $metadata "namespace" .namespace }}
{{- end }}
{{- $_ := set $metadata "labels" (include "deepcall-operator.labels" . | fromYaml) }}
{{- $annotations := merge dict (default dict .annotations) (default dict .root.Values.commonAnnotations) }}
{{- if $annotations }}
{{- $_ := set $metadata "annotations" $annotations }}
{{- end }}
{{- toYaml $metadata }}
{{- end }}

{{/* The namespaces to watch as a JSON list, empty for all. --set 'watchNamespaces={}' is a list with an empty name. */}}
{{- define "deepcall-operator.watchNamespaces" -}}
{{- compact (default list .Values.watchNamespaces) | toJson }}
{{- end }}

{{- define "deepcall-operator.image" -}}
{{- $image := .Values.image }}
{{- if $image.digest }}
{{- printf "%s@%s" $image.repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) }}
{{- end }}
{{- end }}
