package deepcalltest

import "testing"

func TestBothReadingsOfThePage(t *testing.T) {
	for semantics, want := range map[Semantics]string{
		"":      "90=N 91=N 92=Y",
		Merge:   "90=N 91=N 92=Y",
		Replace: "90=N 92=Y",
	} {
		t.Run("groups left out, read as "+string(semantics), func(t *testing.T) {
			sim, url := Start(t, Options{Semantics: semantics})
			wantCode(t, post(t.Context(), url, body("90=Y 91=N")), 200)
			wantCode(t, post(t.Context(), url, body("90=N 92=Y")), 200)
			wantAgent(t, sim, "7", want)
		})
	}
}

func TestARequestIsAppliedAsAWholeOrNotAtAll(t *testing.T) {
	sim, url := Start(t, Options{Groups: []string{"90", "91"}})
	wantCode(t, post(t.Context(), url, body("90=Y 99=Y 91=N")), 1505)
	wantAgent(t, sim, "7", "")
}

func TestWhatExistsCanChange(t *testing.T) {
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

func TestWhereEverythingExistsThingsCanStillBeRemoved(t *testing.T) {
	sim, url := Start(t, Options{})
	wantCode(t, post(t.Context(), url, body("90=Y")), 200)
	sim.RemoveGroups("90")
	wantCode(t, post(t.Context(), url, body("90=Y")), 1505)
	sim.RemoveAgents("7")
	wantCode(t, post(t.Context(), url, body("91=Y")), 1509)
	wantCode(t, post(t.Context(), url, bodyFor("8", "91=Y")), 200)
}

func TestDriftReplacesAnAgentsGroups(t *testing.T) {
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

func TestWhatIsReadIsACopy(t *testing.T) {
	sim, url := Start(t, Options{})
	wantCode(t, post(t.Context(), url, body("90=Y")), 200)
	sim.Agent("7")["90"] = "N"
	sim.Agents()["7"]["90"] = "N"
	sim.Calls()[0].Groups["90"] = "N"
	wantAgent(t, sim, "7", "90=Y")
	if sim.Calls()[0].Groups["90"] != "Y" {
		t.Fatal("the ledger was changed from outside")
	}
}

func TestAccountsCanChange(t *testing.T) {
	sim, url := Start(t, Options{Accounts: []Account{{UserID: "1001", Token: "s3cr3t"}}})
	session := `{"ssid":"abc","agentId":"7","group":{"90":{"receive_call":"Y"}}}`
	for _, step := range []struct {
		name   string
		change func()
		body   string
		code   int
	}{
		{"at first the token is good", func() {}, body("90=Y"), 200},
		{"after a rotation it isn't", func() { sim.RotateToken("1001", "other") }, body("90=Y"), 1014},
		{"until it is rotated back", func() { sim.RotateToken("1001", "s3cr3t") }, body("90=Y"), 200},
		{"a suspended account is refused", func() { sim.Suspend("1001", true) }, body("90=Y"), 1039},
		{"and taken again later", func() { sim.Suspend("1001", false) }, body("90=Y"), 200},
		{"permission can be denied", func() { sim.Deny("1001", true) }, body("90=Y"), 1015},
		{"and given back", func() { sim.Deny("1001", false) }, body("90=Y"), 200},
		{"no session is open", func() {}, session, 1014},
		{"one can be opened", func() { sim.RotateSession("1001", "abc") }, session, 200},
		{"and ended", func() { sim.RotateSession("1001") }, session, 1014},
		{"all accounts can be replaced", func() { sim.SetAccounts(Account{UserID: "2", Token: "t"}) }, body("90=Y"), 1014},
		{"without accounts everybody may call", func() { sim.SetAccounts() }, session, 200},
	} {
		step.change()
		if r := post(t.Context(), url, step.body); r.Code != step.code {
			t.Fatalf("%s: got %q, want %d", step.name, r.raw, step.code)
		}
	}
}
