package command

import (
	"fmt"
	"strings"
)

// objectName formats the name of a mapping as kubectl does.
func objectName(name string) string {
	return strings.ToLower(mappingResource) + "/" + name
}

// count formats a number with a noun, such as "1 mapping" or "2 mappings".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// dryRunSuffix is the suffix that kubectl appends to messages of a dry run.
func dryRunSuffix(dryRun string) string {
	if dryRun == "server" {
		return " (server dry run)"
	}
	return ""
}
