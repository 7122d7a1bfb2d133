{{- /* The validation rules of a field. The message of a CEL rule replaces the pattern that it explains. */ -}}
{{- define "rules" }}
{{- $rules := list }}
{{- if index .Markers "required" }}{{ $rules = append $rules "required" }}{{ end }}
{{- with index .Markers "kubebuilder:validation:Enum" }}
{{- $rules = append $rules (printf "one of `%s`" (join "`, `" (first .))) }}
{{- end }}
{{- $low := index .Markers "kubebuilder:validation:Minimum" }}
{{- $high := index .Markers "kubebuilder:validation:Maximum" }}
{{- if and $low $high }}{{ $rules = append $rules (printf "%.0f to %.0f" (first $low) (first $high)) }}
{{- else if $low }}{{ $rules = append $rules (printf "at least %.0f" (first $low)) }}
{{- else if $high }}{{ $rules = append $rules (printf "at most %.0f" (first $high)) }}
{{- end }}
{{- $short := index .Markers "kubebuilder:validation:MinLength" }}
{{- $long := index .Markers "kubebuilder:validation:MaxLength" }}
{{- if and $short $long }}{{ $rules = append $rules (printf "%d to %d characters" (first $short) (first $long)) }}
{{- else if $long }}{{ $rules = append $rules (printf "at most %d characters" (first $long)) }}
{{- end }}
{{- with index .Markers "kubebuilder:validation:MaxItems" }}{{ $rules = append $rules (printf "at most %d" (first .)) }}{{ end }}
{{- with index .Markers "listMapKey" }}{{ $rules = append $rules (printf "each `%s` once" (first .)) }}{{ end }}
{{- with index .Markers "kubebuilder:validation:XValidation" }}
{{- range . }}{{ $rules = append $rules .Message }}{{ end }}
{{- else }}
{{- with index .Markers "kubebuilder:validation:Pattern" }}{{ $rules = append $rules (printf "matches `%s`" (first .)) }}{{ end }}
{{- end }}
{{- join "<br>" $rules | replace "|" "\\|" }}
{{- end }}
