// Command reference generates docs/reference, except api.md, from the constants of the API, the table of
// reasons, the catalogue of DeepCall's answers, the manager's flags and its roles. `make generate` runs it
// in the root of the repository.
package main

import (
	"context"
	"embed"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed templates
var templates embed.FS

func main() {
	out := flag.String("out", "docs/reference", "the directory to write to")
	role := flag.String("role", "config/rbac/role.yaml", "the manager's role, as generated from the code")
	flag.Parse()
	if err := run(context.Background(), *out, *role); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, role string) error {
	constants, err := parseConstants("api/v1alpha1")
	if err != nil {
		return err
	}
	flags, err := managerFlags(ctx)
	if err != nil {
		return err
	}
	rights, err := readRights("config/rbac", role)
	if err != nil {
		return err
	}
	if err := verifyGrants(rights); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o750); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	for page, data := range map[string]any{
		"README.md": nil,
		"states.md": newStatesPage(constants),
		"codes.md":  newCodesPage(),
		"flags.md":  flags,
		"rbac.md":   roles,
	} {
		if err := write(filepath.Join(out, page), data); err != nil {
			return err
		}
	}
	return nil
}

// write renders the page to path.
func write(path string, data any) error {
	page, err := render(filepath.Base(path), data)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil { //nolint:gosec // the docs are public
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

func render(name string, data any) (string, error) {
	functions := template.FuncMap{"cell": cell, "code": inCode}
	page, err := template.New(name).Funcs(functions).ParseFS(templates, "templates/"+name)
	if err != nil {
		return "", fmt.Errorf("read the template: %w", err)
	}
	var text strings.Builder
	if err := page.Execute(&text, data); err != nil {
		return "", fmt.Errorf("render %s: %w", name, err)
	}
	return text.String(), nil
}

// cell formats text as one cell of a Markdown table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

// inCode formats each of the comma-separated names as code.
func inCode(names string) string {
	if names == "" {
		return ""
	}
	return "`" + strings.Join(strings.Split(names, ", "), "`, `") + "`"
}
