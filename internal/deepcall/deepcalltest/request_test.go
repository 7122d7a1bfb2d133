package deepcalltest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

func TestRequestsAreAnsweredAsDocumented(t *testing.T) {
	good := `"group":{"90":{"receive_call":"Y"}}`
	for name, tc := range map[string]struct {
		body string
		code int
	}{
		"the page's own example":      {`{"userId":"1001","token":"s3cr3t","agentId":"7","group":{"90":{"receive_call":"Y"},"91":{"receive_call":"N"}}}`, 200},
		"a session":                   {`{"ssid":"abc","agentId":"7",` + good + `}`, 200},
		"an empty body":               {``, 1047},
		"only white space":            {" \n", 1047},
		"an empty object":             {`{}`, 1047},
		"not JSON":                    {`agentId=7`, 1000},
		"two objects":                 {`{} {}`, 1000},
		"a list":                      {`[]`, 1001},
		"null":                        {`null`, 1001},
		"no credentials":              {`{"agentId":"7",` + good + `}`, 1002},
		"no user ID":                  {`{"token":"s3cr3t","agentId":"7",` + good + `}`, 1002},
		"an empty user ID":            {`{"userId":"","token":"s3cr3t","agentId":"7",` + good + `}`, 1002},
		"a user ID that is a number":  {`{"userId":1001,"token":"s3cr3t","agentId":"7",` + good + `}`, 1001},
		"no token":                    {`{"userId":"1001","agentId":"7",` + good + `}`, 1020},
		"an empty session":            {`{"ssid":"","agentId":"7",` + good + `}`, 1020},
		"a wrong token":               {`{"userId":"1001","token":"wrong","agentId":"7",` + good + `}`, 1014},
		"a wrong user":                {`{"userId":"1009","token":"s3cr3t","agentId":"7",` + good + `}`, 1014},
		"a wrong session":             {`{"ssid":"wrong","agentId":"7",` + good + `}`, 1014},
		"a session beside a token":    {`{"ssid":"abc","userId":"1001","token":"s3cr3t","agentId":"7",` + good + `}`, 1000},
		"an empty session beside it":  {`{"ssid":"","userId":"1001","token":"s3cr3t","agentId":"7",` + good + `}`, 1000},
		"a suspended account":         {`{"userId":"1002","token":"t2","agentId":"7",` + good + `}`, 1039},
		"an account without rights":   {`{"userId":"1003","token":"t3","agentId":"7",` + good + `}`, 1015},
		"no agent":                    {`{"ssid":"abc",` + good + `}`, 1000},
		"an agent that is a number":   {`{"ssid":"abc","agentId":7,` + good + `}`, 1001},
		"an agent that is null":       {`{"ssid":"abc","agentId":null,` + good + `}`, 1001},
		"an unknown agent":            {`{"ssid":"abc","agentId":"8",` + good + `}`, 1509},
		"no group":                    {`{"ssid":"abc","agentId":"7"}`, 1000},
		"a group that is a list":      {`{"ssid":"abc","agentId":"7","group":["90"]}`, 1001},
		"an empty group":              {`{"ssid":"abc","agentId":"7","group":{}}`, 1505},
		"an unknown group":            {`{"ssid":"abc","agentId":"7","group":{"99":{"receive_call":"Y"}}}`, 1505},
		"a bare Y":                    {`{"ssid":"abc","agentId":"7","group":{"90":"Y"}}`, 1001},
		"no receive_call":             {`{"ssid":"abc","agentId":"7","group":{"90":{}}}`, 1000},
		"receive_call as a boolean":   {`{"ssid":"abc","agentId":"7","group":{"90":{"receive_call":true}}}`, 1001},
		"receive_call in lower case":  {`{"ssid":"abc","agentId":"7","group":{"90":{"receive_call":"y"}}}`, 1505},
		"an unknown field":            {`{"ssid":"abc","agentId":"7","agent":"7",` + good + `}`, 1521},
		"a field beside receive_call": {`{"ssid":"abc","agentId":"7","group":{"90":{"receive_call":"Y","x":1}}}`, 1521},
		"bad credentials, bad agent":  {`{"ssid":"wrong","agentId":"8",` + good + `}`, 1014},
	} {
		t.Run(name, func(t *testing.T) {
			sim, url := Start(t, Options{
				Agents: []string{"7"}, Groups: []string{"90", "91"},
				Accounts: []Account{
					{UserID: "1001", Token: "s3cr3t"},
					{Sessions: []string{"abc"}},
					{UserID: "1002", Token: "t2", Suspended: true},
					{UserID: "1003", Token: "t3", Denied: true},
				},
			})
			r := post(t.Context(), url, tc.body)
			wantCode(t, r, tc.code)
			if request := sim.Requests()[0]; request.Code != tc.code || request.Applied != (tc.code == 200) {
				t.Fatalf("the ledger has %+v", request)
			}
		})
	}
}

func TestAnswersAreFormattedAsDocumented(t *testing.T) {
	sim, url := Start(t, Options{})
	sim.Deny("1001", true)
	sim.RotateToken("1001", "s3cr3t")
	r := post(t.Context(), url, body("90=Y"))
	if r.raw != `{"status":"error","message":"Permission denied","code":1015}` {
		t.Fatalf("got %s", r.raw)
	}
	if r.header.Get("Content-Length") != "60" || r.header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Fatalf("got %v", r.header)
	}
}

func TestAllCodesOfTheCatalogueHaveAText(t *testing.T) {
	for _, entry := range deepcall.Catalogue() {
		if entry.Code == 0 {
			continue
		}
		if text := message(entry.Code); text == "" || strings.HasPrefix(text, "DeepCall error") {
			t.Errorf("code %d is answered with %q", entry.Code, text)
		}
	}
	if message(4711) != "Unknown error" {
		t.Error("an unknown code has no text")
	}
}

func TestPathsAndMethods(t *testing.T) {
	for name, tc := range map[string]struct {
		method, path string
		status       int
	}{
		"serves the path":                       {http.MethodPost, Path, 200},
		"serves the path with a trailing slash": {http.MethodPost, Path + "/", 200},
		"serves the path under a prefix":        {http.MethodPost, "/prefix/deepcall" + Path, 200},
		"rejects PUT":                           {http.MethodPut, Path, 405},
		"rejects another path":                  {http.MethodPost, "/api/v2/Agent/other", 404},
		"rejects a longer path":                 {http.MethodPost, Path + "/7", 404},
		"rejects another spelling":              {http.MethodPost, strings.ToLower(Path), 404},
		"rejects GET":                           {http.MethodGet, Path, 405},
	} {
		t.Run(name, func(t *testing.T) {
			sim, url := Start(t, Options{})
			r := do(t.Context(), tc.method, url+tc.path, body("90=Y"))
			if r.err != nil || r.http != tc.status {
				t.Fatalf("got HTTP %d, %v", r.http, r.err)
			}
			if applied := len(sim.Agent("7")) > 0; applied != (tc.status == 200) {
				t.Fatalf("applied is %v", applied)
			}
		})
	}
}

func TestTooLargeBodiesAreRejected(t *testing.T) {
	sim, url := Start(t, Options{})
	if r := post(t.Context(), url, strings.Repeat(" ", maxBody+1)); r.err == nil {
		t.Fatalf("got HTTP %d", r.http)
	}
	_, err := sim.WaitForRequests(t.Context(), 1)
	wantNoError(t, err)
}
