package deepcalltest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

const help = `A simulated DeepCall.

  POST   ` + Path + `
         {"userId":"1001","token":"...","agentId":"7","group":{"90":{"receive_call":"Y"}}}
         or "ssid" instead of "userId" and "token"; under any path prefix

  GET    /_sim/agents              agents and their groups
  GET    /_sim/agents/{id}         the groups of one agent
  PUT    /_sim/agents/{id}         create an agent; a body {"90":"Y"} sets its groups
  DELETE /_sim/agents/{id}         delete an agent
  GET    /_sim/groups              the groups that were configured or created
  PUT    /_sim/groups/{id}         create a group
  DELETE /_sim/groups/{id}         delete a group, also from its agents
  GET    /_sim/requests            all requests; ?agent=7 for one agent
  GET    /_sim/stats               statistics of the requests
  PUT    /_sim/accounts            create or change an account; omitted fields keep their values:
                                   {"userId":"1001","token":"...","sessions":["..."],
                                   "suspended":true,"denied":true}
  GET    /_sim/accounts            the accounts, credentials masked
  GET    /_sim/faults              the pending faults
  POST   /_sim/faults              add a fault, or a list: {"code":1505,"times":2,"agent":"7"},
                                   or a JSON string in the form below: "code=1505,times=2,agent=7"
  DELETE /_sim/faults              delete the pending faults
  POST   /_sim/release             release the requests that hang
  PUT    /_sim/latency             {"latency":"200ms","jitter":"50ms"}
  POST   /_sim/reset               reset to the initial state, without requests, faults or changes

Answers are JSON. GET of agents, agents/{id} and requests supports ?format=text.

` + FaultHelp

// adminHandler serves the simulator's own API.
func (s *Server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.getHelp)
	mux.HandleFunc("GET /_sim/{$}", s.getHelp)
	mux.HandleFunc("GET /_sim/agents", s.getAgents)
	mux.HandleFunc("GET /_sim/agents/{id}", s.getAgent)
	mux.HandleFunc("PUT /_sim/agents/{id}", s.putAgent)
	mux.HandleFunc("DELETE /_sim/agents/{id}", s.handleID(s.RemoveAgents))
	mux.HandleFunc("GET /_sim/groups", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, append([]string{}, s.Groups()...))
	})
	mux.HandleFunc("PUT /_sim/groups/{id}", s.handleID(s.AddGroups))
	mux.HandleFunc("DELETE /_sim/groups/{id}", s.handleID(s.RemoveGroups))
	mux.HandleFunc("GET /_sim/requests", s.getRequests)
	mux.HandleFunc("GET /_sim/stats", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Stats()) })
	mux.HandleFunc("GET /_sim/accounts", s.getAccounts)
	mux.HandleFunc("PUT /_sim/accounts", s.putAccount)
	mux.HandleFunc("GET /_sim/faults", s.getFaults)
	mux.HandleFunc("POST /_sim/faults", s.postFaults)
	mux.HandleFunc("DELETE /_sim/faults", s.handleAction(s.ClearFaults))
	mux.HandleFunc("POST /_sim/release", s.handleAction(s.Release))
	mux.HandleFunc("PUT /_sim/latency", s.putLatency)
	mux.HandleFunc("POST /_sim/reset", s.handleAction(s.Reset))
	return mux
}

func (s *Server) getHelp(w http.ResponseWriter, _ *http.Request) { writeText(w, help) }

func (s *Server) getAgents(w http.ResponseWriter, r *http.Request) {
	agents := s.Agents()
	if wantsText(r) {
		writeText(w, agentTable(agents))
		return
	}
	writeJSON(w, agents)
}

func (s *Server) getAgent(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	groups, ok := s.Agents()[id]
	if !ok {
		http.Error(w, fmt.Sprintf("there is no agent %q", id), http.StatusNotFound)
		return
	}
	if wantsText(r) {
		writeText(w, agentTable(map[string]map[string]string{id: groups}))
		return
	}
	writeJSON(w, groups)
}

func (s *Server) putAgent(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	var groups map[string]string
	if !readJSON(w, r, &groups) {
		return
	}
	for group, value := range groups {
		if value != "Y" && value != "N" {
			http.Error(w, fmt.Sprintf(`group %q must be "Y" or "N"`, group), http.StatusBadRequest)
			return
		}
	}
	if groups == nil {
		s.AddAgents(id)
	} else {
		s.SetAgent(id, groups)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) getRequests(w http.ResponseWriter, r *http.Request) {
	requests := s.Requests()
	if r.URL.Query().Has("agent") {
		requests = s.RequestsFor(r.URL.Query().Get("agent"))
	}
	if !wantsText(r) {
		writeJSON(w, append([]Request{}, requests...))
		return
	}
	var b strings.Builder
	for _, c := range requests {
		b.WriteString(c.String() + "\n")
	}
	writeText(w, b.String())
}

func (s *Server) getAccounts(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	accounts := append([]Account{}, cloneAccounts(s.accounts)...)
	s.mu.Unlock()
	for i := range accounts {
		if accounts[i].Token != "" {
			accounts[i].Token = masked
		}
		for j := range accounts[i].Sessions {
			accounts[i].Sessions[j] = masked
		}
	}
	writeJSON(w, accounts)
}

func (s *Server) putAccount(w http.ResponseWriter, r *http.Request) {
	var change struct {
		UserID            string
		Token             *string
		Sessions          []string
		Suspended, Denied *bool
	}
	if !readJSON(w, r, &change) {
		return
	}
	s.UpdateAccount(change.UserID, func(a *Account) {
		setIfPresent(&a.Token, change.Token)
		setIfPresent(&a.Suspended, change.Suspended)
		setIfPresent(&a.Denied, change.Denied)
		if change.Sessions != nil {
			a.Sessions = change.Sessions
		}
	})
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) getFaults(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, append([]Fault{}, s.Faults()...))
}

func (s *Server) postFaults(w http.ResponseWriter, r *http.Request) {
	var raw json.RawMessage
	if !readJSON(w, r, &raw) {
		return
	}
	var faults []Fault
	if !strings.HasPrefix(string(raw), "[") {
		raw = json.RawMessage("[" + string(raw) + "]")
	}
	if err := json.Unmarshal(raw, &faults); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.Script(faults...)
	s.getFaults(w, r)
}

func (s *Server) putLatency(w http.ResponseWriter, r *http.Request) {
	var in struct{ Latency, Jitter string }
	if !readJSON(w, r, &in) {
		return
	}
	latency, err := time.ParseDuration(cmp.Or(in.Latency, "0"))
	jitter, jitterErr := time.ParseDuration(cmp.Or(in.Jitter, "0"))
	if err = errors.Join(err, jitterErr); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.SetLatency(latency, jitter)
	w.WriteHeader(http.StatusNoContent)
}

// handleID returns a handler that applies a change to the ID in the path.
func (s *Server) handleID(change func(...string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		change(r.PathValue("id"))
		w.WriteHeader(http.StatusNoContent)
	}
}

// handleAction returns a handler that runs an action.
func (s *Server) handleAction(action func()) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		action()
		w.WriteHeader(http.StatusNoContent)
	}
}

func agentTable(agents map[string]map[string]string) string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "AGENT\tRECEIVING\tGROUPS")
	for _, id := range sortIDs(slices.Collect(maps.Keys(agents))) {
		groups, receiving := agents[id], 0
		for _, value := range groups {
			if value == "Y" {
				receiving++
			}
		}
		fmt.Fprintf(table, "%s\t%d/%d\t%s\n", printable(id), receiving, len(groups), formatGroups(groups, len(groups)))
	}
	_ = table.Flush() // a strings.Builder does not fail
	return b.String()
}
