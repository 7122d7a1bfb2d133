package command

import "strings"

// objectName formats the name of a mapping as kubectl does.
func objectName(name string) string {
	return strings.ToLower(mappingType) + "/" + name
}

// dryRunSuffix is the suffix that kubectl appends to messages of a dry run.
func dryRunSuffix(dryRun string) string {
	if dryRun == "server" {
		return " (server dry run)"
	}
	return ""
}
