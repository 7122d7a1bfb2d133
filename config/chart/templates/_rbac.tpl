{{/* A role with the rules of the file .file in files/rbac, the root context .root, and its own .kind and
.namespace. */}}
{{- define "deepcall-operator.role" -}}
{{- $role := .root.Files.Get (printf "files/rbac/%s" .file) | fromYaml }}
---
apiVersion: {{ $role.apiVersion }}
kind: {{ .kind }}
metadata:
  {{- include "deepcall-operator.metadata" (dict "root" .root "suffix" $role.metadata.name "namespace" .namespace "labels" $role.metadata.labels) | nindent 2 }}
rules:
  {{- toYaml $role.rules | nindent 2 }}
{{- end }}

{{/* The same role with a binding to the manager's ServiceAccount. */}}
{{- define "deepcall-operator.boundRole" -}}
{{- $role := .root.Files.Get (printf "files/rbac/%s" .file) | fromYaml }}
{{- include "deepcall-operator.role" . }}
---
apiVersion: {{ $role.apiVersion }}
kind: {{ .kind }}Binding
metadata:
  {{- $suffix := printf "%sbinding" $role.metadata.name }}
  {{- include "deepcall-operator.metadata" (dict "root" .root "suffix" $suffix "namespace" .namespace) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ include "deepcall-operator.named" (dict "root" .root "suffix" $role.metadata.name) }}
subjects:
  - kind: ServiceAccount
    name: {{ include "deepcall-operator.serviceAccountName" .root | quote }}
    namespace: {{ .root.Release.Namespace | quote }}
{{- end }}
