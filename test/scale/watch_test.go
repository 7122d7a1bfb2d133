package main

import (
	"strings"
	"testing"
)

// readyLine is a watch event as the API server writes it, with strings that look like keys.
const readyLine = `{"type":"MODIFIED","object":{"apiVersion":"telephony.deepcall.com/v1alpha1","kind":"AgentGroupMapping",` +
	`"metadata":{"annotations":{"note":"{\"name\":\"x\",\"generation\":9}","telephony.deepcall.com/attempted-groups":"{\"attempt\":1,\"groups\":[\"90\"]}"},` +
	`"creationTimestamp":"2026-03-02T09:00:00Z","finalizers":["telephony.deepcall.com/stop-calls"],"generation":3,` +
	`"managedFields":[{"apiVersion":"telephony.deepcall.com/v1alpha1","fieldsV1":{"f:status":{"f:conditions":{"k:{\"type\":\"Ready\"}":{".":{}}}}},` +
	`"manager":"deepcall-operator","operation":"Update","subresource":"status","time":"2026-03-02T09:00:01Z"}],` +
	`"name":"agent-000042","namespace":"bench","resourceVersion":"1234","uid":"0b1f"},` +
	`"spec":{"accountRef":{"name":"acme"},"agentID":"42","groups":[{"groupID":"90","receiveCall":true}]},` +
	`"status":{"conditions":[{"lastTransitionTime":"2026-03-02T09:00:01Z","message":"DeepCall confirmed the declared groups",` +
	`"observedGeneration":3,"reason":"Synced","status":"True","type":"Ready"}],"observedGeneration":3}}}` + "\n"

func TestParseEventReturnsTheReadyGeneration(t *testing.T) {
	got, ok := parseEvent([]byte(readyLine))
	want := event{index: 42, version: "1234", ready: 3, size: len(readyLine)}
	if !ok || got != want {
		t.Errorf("got %+v, %t, want %+v", got, ok, want)
	}
}

func TestParseEventRequiresReadyForTheCurrentGeneration(t *testing.T) {
	metadata, _, _ := strings.Cut(readyLine, `"status":{"cond`)
	for name, line := range map[string]string{
		"edited since": strings.Replace(readyLine, `"generation":3,`, `"generation":4,`, 1),
		"not Ready":    strings.Replace(readyLine, `"status":"True"`, `"status":"False"`, 1),
		"new":          metadata + `"status":{"observedGeneration":-1}}}`,
	} {
		if got, ok := parseEvent([]byte(line)); !ok || got.ready != 0 {
			t.Errorf("%s: got %+v, %t", name, got, ok)
		}
	}
}

func TestParseEventIgnoresOtherLines(t *testing.T) {
	for name, line := range map[string]string{
		"deleted":    strings.Replace(readyLine, "MODIFIED", "DELETED", 1),
		"an error":   `{"type":"ERROR","object":{"kind":"Status","code":410}}`,
		"other name": strings.Replace(readyLine, "agent-000042", "asha", 1),
		"empty":      "",
	} {
		if got, ok := parseEvent([]byte(line)); ok {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
