package argocd

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestScriptHasNoOtherLibraries(t *testing.T) {
	forbidden := map[string]string{
		"string":             `return {status = string.upper("healthy")}`,
		"string methods":     `return {status = ("healthy"):upper()}`,
		"math":               `return {status = math.abs(-1)}`,
		"io":                 `return {status = io.read()}`,
		"debug":              `return {status = debug.traceback()}`,
		"coroutine":          `return {status = coroutine.create(print)}`,
		"os without require": `return {status = os.date()}`,
		"os.exit":            `local os = require("os") os.exit(1)`,
		"os.getenv":          `local os = require("os") return {status = os.getenv("HOME")}`,
	}
	for name, script := range forbidden {
		t.Run(name, func(t *testing.T) {
			if result, err := run(script, nil); err == nil {
				t.Errorf("got %v, want an error", result)
			}
		})
	}
}

func TestScriptHasTheLibrariesOfArgoCD(t *testing.T) {
	script := `
		local os = require("os")
		local words = {}
		for _, word in ipairs(obj.words) do table.insert(words, word) end
		return {words = words, year = os.date("!%Y"), seconds = type(os.time()), none = obj.none == nil}`
	result, err := run(script, map[string]any{"words": []any{"a", "b"}, "none": nil})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	table, _ := result.(map[string]any)
	if words, _ := table["words"].([]any); len(words) != 2 || words[1] != "b" {
		t.Errorf("words: %v", table["words"])
	}
	if year, _ := table["year"].(string); !strings.HasPrefix(year, "20") {
		t.Errorf("year: %v", table["year"])
	}
	if table["seconds"] != "number" || table["none"] != true {
		t.Errorf("got %v", table)
	}
}

func TestScriptTimesOut(t *testing.T) {
	if _, err := run(`while true do end`, nil); err == nil {
		t.Error("got no error from an endless loop")
	}
}
