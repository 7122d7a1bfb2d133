package deepcalltest

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAdminAPI(t *testing.T) {
	sim, url := Start(t, Options{
		Accounts: []Account{{UserID: "1001", Token: "s3cr3t"}},
		Agents:   []string{"1", "7"}, Groups: []string{"90", "91", "100"},
	})
	wantCode(t, post(t.Context(), url, body("90=Y 91=N 100=Y")), 200)
	for _, step := range []struct {
		name, method, path, body string
		status                   int
		contains                 string
	}{
		{"serves help at the root", "GET", "/", "", 200, "GET    /_sim/requests"},
		{"serves help at /_sim/", "GET", "/_sim/", "", 200, "cut-before"},
		{"lists agents as JSON", "GET", "/_sim/agents", "", 200, `"91": "N"`},
		{"lists agents as a table", "GET", "/_sim/agents?format=text", "", 200, "AGENT  RECEIVING  GROUPS\n1      0/0        \n7      2/3        90=Y 91=N 100=Y\n"},
		{"returns an agent as JSON", "GET", "/_sim/agents/7", "", 200, `"90": "Y"`},
		{"returns an agent as a table", "GET", "/_sim/agents/7?format=text", "", 200, "90=Y 91=N 100=Y"},
		{"answers 404 for an unknown agent", "GET", "/_sim/agents/8", "", 404, `no agent "8"`},
		{"creates an agent", "PUT", "/_sim/agents/8", "", 204, ""},
		{"returns the new agent", "GET", "/_sim/agents/8", "", 200, "{}"},
		{"sets an agent's groups", "PUT", "/_sim/agents/8", `{"90":"N"}`, 204, ""},
		{"returns the new groups", "GET", "/_sim/agents/8", "", 200, `"90": "N"`},
		{"rejects other values than Y and N", "PUT", "/_sim/agents/8", `{"90":"maybe"}`, 400, `must be "Y" or "N"`},
		{"deletes an agent", "DELETE", "/_sim/agents/8", "", 204, ""},
		{"answers 404 for the deleted agent", "GET", "/_sim/agents/8", "", 404, ""},
		{"deletes a group", "DELETE", "/_sim/groups/91", "", 204, ""},
		{"removes the group from its agents", "GET", "/_sim/agents/7?format=text", "", 200, "2/2        90=Y 100=Y"},
		{"creates a group", "PUT", "/_sim/groups/92", "", 204, ""},
		{"lists the new group", "GET", "/_sim/groups", "", 200, `"92"`},
		{"lists requests as JSON", "GET", "/_sim/requests", "", 200, `"outcome": "200 success"`},
		{"lists requests as lines", "GET", "/_sim/requests?format=text&agent=7", "", 200, "#1 agent 7  90=Y 91=N 100=Y  -> 200 success"},
		{"filters requests by agent", "GET", "/_sim/requests?agent=1", "", 200, "[]"},
		{"returns statistics", "GET", "/_sim/stats", "", 200, `"maxInFlight": 1`},
		{"adds a fault", "POST", "/_sim/faults", `{"code":1505,"times":2,"agent":"7","applied":false}`, 200, `"code=1505,agent=7,times=2"`},
		{"adds a fault in the text form", "POST", "/_sim/faults", `"status=503,retry-after=2"`, 200, "retry-after=2"},
		{"adds a list of faults", "POST", "/_sim/faults", `[{"hang":true},{"cut-after":true}]`, 200, "cut-after"},
		{"lists faults", "GET", "/_sim/faults", "", 200, `"hang"`},
		{"rejects an unknown fault", "POST", "/_sim/faults", `{"explode":true}`, 400, "explode"},
		{"rejects a fault without effect", "POST", "/_sim/faults", `{"times":2}`, 400, "does nothing"},
		{"rejects a fault that is a number", "POST", "/_sim/faults", `7`, 400, "a fault is"},
		{"deletes the faults", "DELETE", "/_sim/faults", "", 204, ""},
		{"lists no faults afterwards", "GET", "/_sim/faults", "", 200, "[]"},
		{"rotates a token", "PUT", "/_sim/accounts", `{"userId":"1001","token":"n3w"}`, 204, ""},
		{"rejects the old token", "POST", Path, body("90=Y"), 200, "1014"},
		{"adds a session", "PUT", "/_sim/accounts", `{"userId":"1001","sessions":["abc"]}`, 204, ""},
		{"accepts the session", "POST", Path, `{"ssid":"abc","agentId":"7","group":{"90":{"receive_call":"N"}}}`, 200, "success"},
		{"suspends an account", "PUT", "/_sim/accounts", `{"userId":"1001","suspended":true}`, 204, ""},
		{"rejects the suspended account", "POST", Path, `{"ssid":"abc","agentId":"7","group":{"90":{"receive_call":"N"}}}`, 200, "1039"},
		{"masks credentials", "GET", "/_sim/accounts", "", 200, `"token": "***"`},
		{"rejects an unknown field", "PUT", "/_sim/accounts", `{"user":"1001"}`, 400, "unknown field"},
		{"sets the latency", "PUT", "/_sim/latency", `{"latency":"1ns"}`, 204, ""},
		{"rejects an invalid latency", "PUT", "/_sim/latency", `{"latency":"slow"}`, 400, "slow"},
		{"releases requests that hang", "POST", "/_sim/release", "", 204, ""},
		{"resets the state", "POST", "/_sim/reset", "", 204, ""},
		{"lists no requests afterwards", "GET", "/_sim/requests", "", 200, "[]"},
		{"rejects another method", "POST", "/_sim/agents", "", 405, ""},
		{"answers 404 for another path", "GET", "/other", "", 404, ""},
	} {
		r := do(t.Context(), step.method, url+step.path, step.body)
		if r.err != nil || r.http != step.status || !strings.Contains(r.raw, step.contains) {
			t.Fatalf("%s: got HTTP %d %s, error %v", step.name, r.http, r.raw, r.err)
		}
		if step.method == "GET" && (strings.Contains(r.raw, "s3cr3t") || strings.Contains(r.raw, "n3w")) {
			t.Fatalf("%s: credentials are in %s", step.name, r.raw)
		}
	}
	if len(sim.Requests()) != 0 {
		t.Fatal("requests are left after the reset")
	}
}

func TestRequestsRoundTripThroughJSON(t *testing.T) {
	sim, url := Start(t, Options{})
	post(t.Context(), url, body("90=Y"))
	var requests []Request
	wantNoError(t, json.Unmarshal([]byte(do(t.Context(), "GET", url+"/_sim/requests", "").raw), &requests))
	if want := sim.Requests()[0]; len(requests) != 1 || requests[0].String() != want.String() || requests[0].Auth != AuthToken {
		t.Fatalf("got %+v", requests)
	}
}
