package deepcalltest

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestTheSimulatorIsSeenAndChangedOverHTTP(t *testing.T) {
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
		{"help is at the root", "GET", "/", "", 200, "GET    /_sim/calls"},
		{"help is at /_sim/ too", "GET", "/_sim/", "", 200, "cut-before"},
		{"agents are JSON", "GET", "/_sim/agents", "", 200, `"91": "N"`},
		{"agents are a table for people", "GET", "/_sim/agents?format=text", "", 200, "AGENT  RECEIVING  GROUPS\n1      0/0        \n7      2/3        90=Y 91=N 100=Y\n"},
		{"one agent is JSON", "GET", "/_sim/agents/7", "", 200, `"90": "Y"`},
		{"one agent is a table too", "GET", "/_sim/agents/7?format=text", "", 200, "90=Y 91=N 100=Y"},
		{"an unknown agent is not found", "GET", "/_sim/agents/8", "", 404, `no agent "8"`},
		{"an agent is created", "PUT", "/_sim/agents/8", "", 204, ""},
		{"and is there", "GET", "/_sim/agents/8", "", 200, "{}"},
		{"an agent's groups are set", "PUT", "/_sim/agents/8", `{"90":"N"}`, 204, ""},
		{"and are there", "GET", "/_sim/agents/8", "", 200, `"90": "N"`},
		{"only to Y and N", "PUT", "/_sim/agents/8", `{"90":"maybe"}`, 400, `must be "Y" or "N"`},
		{"an agent is deleted", "DELETE", "/_sim/agents/8", "", 204, ""},
		{"and gone", "GET", "/_sim/agents/8", "", 404, ""},
		{"a group is deleted", "DELETE", "/_sim/groups/91", "", 204, ""},
		{"and gone from its agents", "GET", "/_sim/agents/7?format=text", "", 200, "2/2        90=Y 100=Y"},
		{"a group is created", "PUT", "/_sim/groups/92", "", 204, ""},
		{"and listed", "GET", "/_sim/groups", "", 200, `"92"`},
		{"calls are JSON", "GET", "/_sim/calls", "", 200, `"outcome": "200 success"`},
		{"calls are lines for people", "GET", "/_sim/calls?format=text&agent=7", "", 200, "#1 agent 7  90=Y 91=N 100=Y  -> 200 success"},
		{"calls are found by agent", "GET", "/_sim/calls?agent=1", "", 200, "[]"},
		{"totals are JSON", "GET", "/_sim/stats", "", 200, `"maxInFlight": 1`},
		{"a fault is added", "POST", "/_sim/faults", `{"code":1505,"times":2,"agent":"7","applied":false}`, 200, `"code=1505,agent=7,times=2"`},
		{"a fault is added as text", "POST", "/_sim/faults", `"status=503,retry-after=2"`, 200, "retry-after=2"},
		{"faults are added as a list", "POST", "/_sim/faults", `[{"hang":true},{"cut-after":true}]`, 200, "cut-after"},
		{"faults are listed", "GET", "/_sim/faults", "", 200, `"hang"`},
		{"a wrong fault is refused", "POST", "/_sim/faults", `{"explode":true}`, 400, "explode"},
		{"a fault without effect is refused", "POST", "/_sim/faults", `{"times":2}`, 400, "does nothing"},
		{"a fault that is a number is refused", "POST", "/_sim/faults", `7`, 400, "a fault is"},
		{"faults are forgotten", "DELETE", "/_sim/faults", "", 204, ""},
		{"and gone", "GET", "/_sim/faults", "", 200, "[]"},
		{"a token is rotated", "PUT", "/_sim/accounts", `{"userId":"1001","token":"n3w"}`, 204, ""},
		{"the old one is refused", "POST", Path, body("90=Y"), 200, "1014"},
		{"a session is opened", "PUT", "/_sim/accounts", `{"userId":"1001","sessions":["abc"]}`, 204, ""},
		{"and taken", "POST", Path, `{"ssid":"abc","agentId":"7","group":{"90":{"receive_call":"N"}}}`, 200, "success"},
		{"an account is suspended", "PUT", "/_sim/accounts", `{"userId":"1001","suspended":true}`, 204, ""},
		{"and refused", "POST", Path, `{"ssid":"abc","agentId":"7","group":{"90":{"receive_call":"N"}}}`, 200, "1039"},
		{"accounts are masked", "GET", "/_sim/accounts", "", 200, `"token": "***"`},
		{"a misspelt field is refused", "PUT", "/_sim/accounts", `{"user":"1001"}`, 400, "unknown field"},
		{"the latency is changed", "PUT", "/_sim/latency", `{"latency":"1ns"}`, 204, ""},
		{"a wrong latency is refused", "PUT", "/_sim/latency", `{"latency":"slow"}`, 400, "slow"},
		{"what hangs is released", "POST", "/_sim/release", "", 204, ""},
		{"all starts again", "POST", "/_sim/reset", "", 204, ""},
		{"without calls", "GET", "/_sim/calls", "", 200, "[]"},
		{"another method is refused", "POST", "/_sim/agents", "", 405, ""},
		{"another path is not found", "GET", "/other", "", 404, ""},
	} {
		r := do(t.Context(), step.method, url+step.path, step.body)
		if r.err != nil || r.http != step.status || !strings.Contains(r.raw, step.contains) {
			t.Fatalf("%s: got HTTP %d %s, error %v", step.name, r.http, r.raw, r.err)
		}
		if step.method == "GET" && (strings.Contains(r.raw, "s3cr3t") || strings.Contains(r.raw, "n3w")) {
			t.Fatalf("%s: credentials are in %s", step.name, r.raw)
		}
	}
	if len(sim.Calls()) != 0 {
		t.Fatal("there are calls after the reset")
	}
}

func TestCallsAreReadBackFromTheirJSON(t *testing.T) {
	sim, url := Start(t, Options{})
	post(t.Context(), url, body("90=Y"))
	var calls []Call
	if err := json.Unmarshal([]byte(do(t.Context(), "GET", url+"/_sim/calls", "").raw), &calls); err != nil {
		t.Fatal(err)
	}
	if want := sim.Calls()[0]; len(calls) != 1 || calls[0].String() != want.String() || calls[0].Auth != AuthToken {
		t.Fatalf("got %+v", calls)
	}
}
