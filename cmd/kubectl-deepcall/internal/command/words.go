package command

import (
	"fmt"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// named is an object as kubectl names it.
func named(mapping *v1alpha1.AgentGroupMapping) string {
	return "agentgroupmapping.telephony.deepcall.com/" + mapping.Name
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// counted is "1 mapping" or "2 mappings".
func counted(n int, noun string) string {
	return fmt.Sprintf("%d %s", n, plural(n, noun, noun+"s"))
}
