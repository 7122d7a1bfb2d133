{{- define "type" }}
## {{ .Name }}

{{ .Doc }}
{{- with index .Markers "kubebuilder:validation:XValidation" }}
{{ range . }}
Rule: {{ .Message }}.
{{- end }}
{{- end }}
{{- with .EnumValues }}

| value | meaning |
|---|---|
{{- range . }}
| `{{ .Name }}` | {{ .Doc | trim | regexFind " .*" | trim }} |
{{- end }}
{{- end }}
{{- if and .Members (ne .Kind 0) }}

| field | type | default | rules | meaning |
|---|---|---|---|---|
{{- with .GVK }}
| `apiVersion` | string | | required | `{{ .Group }}/{{ .Version }}` |
| `kind` | string | | required | `{{ .Kind }}` |
{{- end }}
{{- range .Members }}
| `{{ .Name }}` | {{ template "typeName" .Type }} | {{ template "default" . }} | {{ template "rules" . }} | {{ .Doc | replace "\n" " " | replace "|" "\\|" }} |
{{- end }}
{{- end }}
{{- with index .Markers "kubebuilder:resource" }}
{{- template "resource" first . }}
{{- end }}
{{- with index .Markers "kubebuilder:printcolumn" }}
{{- template "columns" . }}
{{- end }}
{{- end }}

{{- define "resource" }}

Namespaced. Short name: {{ range $i, $name := .ShortName }}{{ if $i }}, {{ end }}`{{ $name }}`{{ end }}. Category: {{ range $i, $name := .Categories }}{{ if $i }}, {{ end }}`{{ $name }}`{{ end }}.
{{- end }}

{{- define "columns" }}

| column of `kubectl get` | shows |
|---|---|
{{- range . }}
| {{ .Name | upper }}{{ if gt .Priority 0 }}, with `-o wide`{{ end }} | `{{ .JSONPath }}` |
{{- end }}
{{- end }}

{{- define "default" }}
{{- with index .Markers "kubebuilder:default" }}`{{ (first .).Value | toJson | trimAll "\"" }}`{{ end }}
{{- end }}

{{- define "typeName" }}
{{- $plain := dict "int32" "integer" "int64" "integer" "bool" "boolean" "Duration" "duration" "Time" "time" "MicroTime" "time" }}
{{- $elsewhere := dict
	"Condition" "states.md"
	"LabelSelector" "https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/label-selector/"
	"ObjectMeta" "https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/" }}
{{- if eq .String "[]byte" }}base64
{{- else if eq .Kind 5 }}list of {{ template "typeName" .UnderlyingType }}
{{- else if eq .Kind 4 }}{{ template "typeName" .UnderlyingType }}
{{- else if hasKey $plain .Name }}{{ get $plain .Name }}
{{- else if hasKey $elsewhere .Name }}[{{ .Name }}]({{ get $elsewhere .Name }})
{{- else if .Package }}[{{ .Name }}](#{{ .Name | lower }})
{{- else }}{{ .Name }}
{{- end }}
{{- end }}
