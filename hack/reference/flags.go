package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// option is a command-line flag of the manager.
type option struct {
	Name, Type, Default, Usage string
}

// managerFlags runs the manager with --help, which also lists the flags of its libraries.
func managerFlags(ctx context.Context) ([]option, error) {
	manager := exec.CommandContext(ctx, "go", "run", "./cmd", "--help")
	manager.Env = append(os.Environ(), "CGO_ENABLED=0")
	var help bytes.Buffer
	manager.Stderr = &help
	if err := manager.Run(); err != nil {
		return nil, fmt.Errorf("list the flags of the manager: %w\n%s", err, help.String())
	}
	options := parseHelp(help.String())
	if len(options) == 0 {
		return nil, fmt.Errorf("the manager lists no flags:\n%s", help.String())
	}
	return options, nil
}

var (
	helpName    = regexp.MustCompile(`^  -([a-z][a-z0-9-]+)(?: (\w+))?$`)
	helpDefault = regexp.MustCompile(` \(default (.*)\)$`)
)

// parseHelp parses the usage that Go's package flag prints: a line with the name and the type of the value,
// followed by an indented description, which ends with the default unless that is the zero value.
func parseHelp(help string) []option {
	var options []option
	for line := range strings.Lines(help) {
		line = strings.TrimRight(line, "\n")
		if name := helpName.FindStringSubmatch(line); name != nil {
			options = append(options, option{Name: name[1], Type: name[2]})
			continue
		}
		if usage, indented := strings.CutPrefix(line, "    \t"); indented && len(options) > 0 {
			last := &options[len(options)-1]
			last.Usage = strings.TrimSpace(last.Usage + " " + usage)
		}
	}
	for i := range options {
		if found := helpDefault.FindStringSubmatch(options[i].Usage); found != nil {
			options[i].Default = strings.Trim(found[1], `"`)
			options[i].Usage = strings.TrimSuffix(options[i].Usage, found[0])
		}
	}
	return options
}
