package api

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestMappingRejectsInvalidFields(t *testing.T) {
	mapping.validate(t, []validation{
		{"no account", `accountRef: null`, "spec.accountRef", "Required"},
		{"an account without a name", `accountRef: {namespace: support}`, "spec.accountRef.name", "Required"},
		{"an account with an empty name", `accountRef: {name: ""}`, "spec.accountRef.name", "at least 1 chars"},
		{"an account with a name of 254 characters", `accountRef: {name: ` + strings.Repeat("x", 254) + `}`, "spec.accountRef.name", "more than 253"},
		{"an account with an empty namespace", `accountRef: {name: acme, namespace: ""}`, "spec.accountRef.namespace", "at least 1 chars"},
		{"a namespace of 64 characters", `accountRef: {name: acme, namespace: ` + strings.Repeat("x", 64) + `}`, "spec.accountRef.namespace", "more than 63"},
		{"no agent", `agentID: null`, "spec.agentID", "Required"},
		{"an agent that is a number", `agentID: 7`, "spec.agentID", "must be of type string"},
		{"an unknown removal policy", `removalPolicy: Keep`, "spec.removalPolicy", `supported values: "StopCalls", "Orphan"`},
		{"an empty removal policy", `removalPolicy: ""`, "spec.removalPolicy", `supported values: "StopCalls", "Orphan"`},
		{"suspend that is a string", `suspend: "true"`, "spec.suspend", "must be of type boolean"},
		{"no groups", `groups: null`, "spec.groups", "Required"},
		{"misspelt groups", `{groups: null, group: [{groupID: "90", receiveCall: true}]}`, "spec.groups", "Required"},
		{"501 groups", manyGroups(501), "spec.groups", "at most 500 items"},
		{"groups that are a map", `groups: {"90": true}`, "spec.groups", "must be of type array"},
		{"a duplicate group", groups(`groupID: "90", receiveCall: true`, `groupID: "90", receiveCall: false`), "spec.groups[1]", `{"groupID":"90"}`},
		{"a group without an ID", groups(`receiveCall: true`), "spec.groups[0].groupID", "Required"},
		{"a group that is a number", groups(`groupID: 90, receiveCall: true`), "spec.groups[0].groupID", "must be of type string"},
		{"a second group that is a number", groups(`groupID: "90", receiveCall: true`, `groupID: 91, receiveCall: true`), "spec.groups[1].groupID", "must be of type string"},
		{"a group without receiveCall", groups(`groupID: "90"`), "spec.groups[0].receiveCall", "Required"},
		{"receiveCall without a value", groups(`groupID: "90", receiveCall: `), "spec.groups[0].receiveCall", "Required"},
		{"receiveCall that is a string", groups(`groupID: "90", receiveCall: "Y"`), "spec.groups[0].receiveCall", "must be of type boolean"},
		{"receiveCall that is a number", groups(`groupID: "90", receiveCall: 1`), "spec.groups[0].receiveCall", "must be of type boolean"},
		{"a resync interval that is a number", `resyncInterval: 3600`, "spec.resyncInterval", "must be of type string"},
	})
}

func TestMappingAcceptsValidFields(t *testing.T) {
	mapping.validate(t, []validation{
		{name: "an empty list of groups", spec: `groups: []`},
		{name: "500 groups", spec: manyGroups(500)},
		{name: "an account in another namespace", spec: `accountRef: {name: acme, namespace: support}`},
		{name: "an account with a name of 253 characters", spec: `accountRef: {name: ` + strings.Repeat("x", 253) + `}`},
		{name: "both values of receiveCall", spec: groups(`groupID: "90", receiveCall: true`, `groupID: "91", receiveCall: false`)},
		{name: "StopCalls", spec: `removalPolicy: StopCalls`},
		{name: "Orphan", spec: `removalPolicy: Orphan`},
		{name: "suspend", spec: `suspend: true`},
	})
}

func TestIDs(t *testing.T) {
	var cases []validation
	add := func(id, agentField, groupField, message string) {
		cases = append(cases, validation{fmt.Sprintf("agent %q", id), fmt.Sprintf("agentID: %q", id), agentField, message},
			validation{fmt.Sprintf("group %q", id), groups(fmt.Sprintf("groupID: %q, receiveCall: true", id)), groupField, message})
	}
	for _, id := range []string{"7", "0", "a", "Z", ".", "_", "-", "007", "a.b_c-D9", strings.Repeat("x", 64)} {
		add(id, "", "", "")
	}
	addInvalid := func(id, message string) { add(id, "spec.agentID", "spec.groups[0].groupID", message) }
	addInvalid("", "at least 1 chars")
	addInvalid(strings.Repeat("x", 65), "more than 64")
	for _, id := range []string{" ", "9 0", " 90", "90 ", "90\n", "a/b", "a,b", "90:Y", "a@b", `a"b`, "ä", "९"} {
		addInvalid(id, "A-Za-z0-9._-")
	}
	mapping.validate(t, cases)
}

func TestResyncInterval(t *testing.T) {
	const message = "resyncInterval must be at least 1m, for example 1h, or 0s to disable resyncs"
	var cases []validation
	for _, valid := range []string{"0s", "0m", "0h0m0s", "1m", "60s", "1m0s", "1.5h", "1h", "24h", "8760h"} {
		cases = append(cases, validation{name: valid, spec: fmt.Sprintf("resyncInterval: %q", valid)})
	}
	for _, invalid := range []string{"59s", "59.9s", "0.5m", "1s", "1ms", "-1h", "-0s", "1d", "1w", "1", "0", "", "soon", "1h ", "1 h", "P1D", "1H", "999999999999h"} {
		cases = append(cases, validation{fmt.Sprintf("%q", invalid), fmt.Sprintf("resyncInterval: %q", invalid), "spec.resyncInterval", message})
	}
	mapping.validate(t, cases)
}

func TestMappingImmutableFields(t *testing.T) {
	stored := create(t, mapping.with(t, "asha", `accountRef: {name: acme, namespace: support}`))
	for _, change := range []validation{
		{"agent", `agentID: "8"`, "spec.agentID", "agentID is immutable; delete the mapping and create it for the other agent"},
		{"account", `accountRef: {name: other, namespace: support}`, "spec.accountRef", "accountRef is immutable; create a mapping with another name and the other account: see docs/how-to/change-account.md"},
		{"namespace of the account", `accountRef: {name: acme, namespace: other}`, "spec.accountRef", "accountRef is immutable"},
		{"no namespace of the account", `accountRef: {name: acme}`, "spec.accountRef", "accountRef is immutable"},
	} {
		t.Run(change.name, func(t *testing.T) {
			obj := mapping.with(t, "asha", `accountRef: {name: acme, namespace: support}`)
			for key, value := range fromYAML(t, change.spec) {
				obj.Object["spec"].(map[string]any)[key] = value
			}
			obj.SetResourceVersion(stored.GetResourceVersion())
			expectInvalid(t, admin.Update(t.Context(), obj, client.DryRunAll), change.field, change.message)
		})
	}
	t.Run("other fields are mutable", func(t *testing.T) {
		obj := mapping.with(t, "asha", `{accountRef: {name: acme, namespace: support}, groups: [{groupID: "90", receiveCall: true}],
			removalPolicy: Orphan, resyncInterval: 0s, suspend: true}`)
		obj.SetResourceVersion(stored.GetResourceVersion())
		if err := admin.Update(t.Context(), obj, client.DryRunAll); err != nil {
			t.Error(err)
		}
	})
}

func groups(items ...string) string {
	return "groups: [{" + strings.Join(items, "}, {") + "}]"
}

func manyGroups(n int) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf("groupID: g%d, receiveCall: true", i)
	}
	return groups(items...)
}
