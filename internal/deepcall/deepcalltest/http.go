package deepcalltest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

func setIfPresent[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

func wantsText(r *http.Request) bool { return r.URL.Query().Get("format") == "text" }

// readJSON decodes the body into a value, which an empty body does not change. It
// answers an invalid body and returns false.
func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // the client can have disconnected
}

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, text)
}
