package deepcalltest

import (
	"cmp"
	"maps"
	"slices"
)

// registry records which IDs exist. Of the IDs that were neither added nor removed, all
// exist or none.
type registry struct {
	any   bool
	known map[string]bool
}

func newRegistry(ids []string) registry {
	r := registry{any: len(ids) == 0, known: map[string]bool{}}
	for _, id := range ids {
		r.known[id] = true
	}
	return r
}

func (r registry) has(id string) bool {
	exists, decided := r.known[id]
	return exists || !decided && r.any
}

func (r registry) list() []string {
	var ids []string
	for id, exists := range r.known {
		if exists {
			ids = append(ids, id)
		}
	}
	return sortIDs(ids)
}

// store holds DeepCall's agents and groups, and the groups of the agents.
type store struct {
	agents, groups registry
	agentGroups    map[string]map[string]string // agent → group → "Y" or "N"
}

func newStore(agents, groups []string) store {
	return store{newRegistry(agents), newRegistry(groups), map[string]map[string]string{}}
}

// apply applies the groups of a request.
func (s store) apply(sem Semantics, agent string, groups map[string]string) {
	if sem == Replace || s.agentGroups[agent] == nil {
		s.agentGroups[agent] = map[string]string{}
	}
	maps.Copy(s.agentGroups[agent], groups)
}

// Agent returns the agent's groups with "Y" if the agent receives the group's requests, or
// "N". It is empty for an agent without groups.
func (s *Server) Agent(id string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.store.agentGroups[id])
}

// Agents returns the agents that were configured, were added or have groups, each with
// its groups.
func (s *Server) Agents() map[string]map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]map[string]string{}
	for _, id := range s.store.agents.list() {
		all[id] = map[string]string{}
	}
	for id, groups := range s.store.agentGroups {
		all[id] = maps.Clone(groups)
	}
	return all
}

// SetAgent replaces the agent's groups ("Y" or "N" by ID) without a request, as drift
// does. It creates the agent if necessary.
func (s *Server) SetAgent(id string, groups map[string]string) {
	s.update(func() {
		s.store.agents.known[id] = true
		s.store.apply(Replace, id, groups)
	})
}

// AddAgents creates agents.
func (s *Server) AddAgents(ids ...string) {
	s.update(func() {
		for _, id := range ids {
			s.store.agents.known[id] = true
		}
	})
}

// RemoveAgents deletes agents with their groups. Requests for them are answered 1509.
func (s *Server) RemoveAgents(ids ...string) {
	s.update(func() {
		for _, id := range ids {
			s.store.agents.known[id] = false
			delete(s.store.agentGroups, id)
		}
	})
}

// Groups returns the groups that were configured or added.
func (s *Server) Groups() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.groups.list()
}

// AddGroups creates groups.
func (s *Server) AddGroups(ids ...string) {
	s.update(func() {
		for _, id := range ids {
			s.store.groups.known[id] = true
		}
	})
}

// RemoveGroups deletes groups, also from their agents. Requests with them are answered
// 1505.
func (s *Server) RemoveGroups(ids ...string) {
	s.update(func() {
		for _, id := range ids {
			s.store.groups.known[id] = false
			for _, groups := range s.store.agentGroups {
				delete(groups, id)
			}
		}
	})
}

// sortIDs sorts IDs by length, then alphabetically, so that numbers are in order: 7, 90,
// 100.
func sortIDs(ids []string) []string {
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	return ids
}
