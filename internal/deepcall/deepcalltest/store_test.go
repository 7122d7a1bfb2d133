package deepcalltest

import "testing"

func TestSemantics(t *testing.T) {
	for semantics, want := range map[Semantics]string{
		"":      "90=N 91=N 92=Y",
		Merge:   "90=N 91=N 92=Y",
		Replace: "90=N 92=Y",
	} {
		t.Run("omitted groups with "+string(semantics), func(t *testing.T) {
			sim, url := Start(t, Options{Semantics: semantics})
			wantCode(t, post(t.Context(), url, body("90=Y 91=N")), 200)
			wantCode(t, post(t.Context(), url, body("90=N 92=Y")), 200)
			wantAgent(t, sim, "7", want)
		})
	}
}

func TestRequestsAreAppliedAtomically(t *testing.T) {
	sim, url := Start(t, Options{Groups: []string{"90", "91"}})
	wantCode(t, post(t.Context(), url, body("90=Y 99=Y 91=N")), 1505)
	wantAgent(t, sim, "7", "")
}

func TestAgentsAndGroupsCanBeAddedAndRemoved(t *testing.T) {
	sim, url := Start(t, Options{Agents: []string{"1"}, Groups: []string{"90"}})
	wantCode(t, post(t.Context(), url, body("90=Y")), 1509)
	sim.AddAgents("7")
	wantCode(t, post(t.Context(), url, body("90=Y 91=Y")), 1505)
	sim.AddGroups("91")
	wantCode(t, post(t.Context(), url, body("90=Y 91=Y")), 200)
	sim.RemoveGroups("91")
	wantAgent(t, sim, "7", "90=Y")
	wantCode(t, post(t.Context(), url, body("90=Y 91=Y")), 1505)
	sim.RemoveAgents("7")
	wantAgent(t, sim, "7", "")
	wantCode(t, post(t.Context(), url, body("90=Y")), 1509)
}

func TestAgentsAndGroupsCanBeRemovedWhereAllExist(t *testing.T) {
	sim, url := Start(t, Options{})
	wantCode(t, post(t.Context(), url, body("90=Y")), 200)
	sim.RemoveGroups("90")
	wantCode(t, post(t.Context(), url, body("90=Y")), 1505)
	sim.RemoveAgents("7")
	wantCode(t, post(t.Context(), url, body("91=Y")), 1509)
	wantCode(t, post(t.Context(), url, bodyFor("8", "91=Y")), 200)
}

func TestSetAgentReplacesTheGroups(t *testing.T) {
	sim, url := Start(t, Options{Agents: []string{"1"}})
	sim.SetAgent("7", map[string]string{"90": "N"})
	sim.SetAgent("7", map[string]string{"91": "Y"})
	wantAgent(t, sim, "7", "91=Y")
	wantCode(t, post(t.Context(), url, body("90=Y")), 200)
	wantAgent(t, sim, "7", "90=Y 91=Y")
	if all := sim.Agents(); len(all) != 2 || len(all["1"]) != 0 || len(all["7"]) != 2 {
		t.Fatalf("the agents are %v", all)
	}
}

func TestReturnedValuesAreCopies(t *testing.T) {
	sim, url := Start(t, Options{})
	wantCode(t, post(t.Context(), url, body("90=Y")), 200)
	sim.Agent("7")["90"] = "N"
	sim.Agents()["7"]["90"] = "N"
	sim.Requests()[0].Groups["90"] = "N"
	wantAgent(t, sim, "7", "90=Y")
	if sim.Requests()[0].Groups["90"] != "Y" {
		t.Fatal("a change of the copy changed the ledger")
	}
}

func TestAccountsCanBeChanged(t *testing.T) {
	sim, url := Start(t, Options{Accounts: []Account{{UserID: "1001", Token: "s3cr3t"}}})
	session := `{"ssid":"abc","agentId":"7","group":{"90":{"receive_call":"Y"}}}`
	for _, step := range []struct {
		name   string
		change func()
		body   string
		code   int
	}{
		{"accepts the token", func() {}, body("90=Y"), 200},
		{"rejects the token after a rotation", func() { sim.RotateToken("1001", "other") }, body("90=Y"), 1014},
		{"accepts the token when it is rotated back", func() { sim.RotateToken("1001", "s3cr3t") }, body("90=Y"), 200},
		{"rejects a suspended account", func() { sim.Suspend("1001", true) }, body("90=Y"), 1039},
		{"accepts a reactivated account", func() { sim.Suspend("1001", false) }, body("90=Y"), 200},
		{"rejects an account without permission", func() { sim.Deny("1001", true) }, body("90=Y"), 1015},
		{"accepts an account with permission", func() { sim.Deny("1001", false) }, body("90=Y"), 200},
		{"rejects an unknown session", func() {}, session, 1014},
		{"accepts a new session", func() { sim.RotateSession("1001", "abc") }, session, 200},
		{"rejects a removed session", func() { sim.RotateSession("1001") }, session, 1014},
		{"rejects an account that was replaced", func() { sim.SetAccounts(Account{UserID: "2", Token: "t"}) }, body("90=Y"), 1014},
		{"accepts all credentials without accounts", func() { sim.SetAccounts() }, session, 200},
	} {
		step.change()
		if r := post(t.Context(), url, step.body); r.Code != step.code {
			t.Fatalf("%s: got %q, want %d", step.name, r.raw, step.code)
		}
	}
}
