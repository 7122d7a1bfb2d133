package deepcalltest

import (
	"cmp"
	"maps"
	"slices"
)

// registry says which IDs exist: those added, not those removed, and of the
// others all or none.
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

// world is what DeepCall stores: its agents, its groups, and who serves which.
type world struct {
	agents, groups registry
	serves         map[string]map[string]string // agent → group → "Y" or "N"
}

func newWorld(agents, groups []string) world {
	return world{newRegistry(agents), newRegistry(groups), map[string]map[string]string{}}
}

// apply takes over a request's groups, according to how the page is read.
func (w world) apply(sem Semantics, agent string, groups map[string]string) {
	if sem == Replace || w.serves[agent] == nil {
		w.serves[agent] = map[string]string{}
	}
	maps.Copy(w.serves[agent], groups)
}

// Agent returns the agent's groups, each with "Y" or "N" for whether the agent
// receives its calls. It is empty for an agent that never had any.
func (s *Server) Agent(id string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.world.serves[id])
}

// Agents returns the agents that were configured, added or given groups, each
// with its groups.
func (s *Server) Agents() map[string]map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]map[string]string{}
	for _, id := range s.world.agents.list() {
		all[id] = map[string]string{}
	}
	for id, groups := range s.world.serves {
		all[id] = maps.Clone(groups)
	}
	return all
}

// SetAgent makes groups ("Y" or "N" by ID) the agent's whole set, behind the
// back of those who call: drift. The agent exists from then on.
func (s *Server) SetAgent(id string, groups map[string]string) {
	s.update(func() {
		s.world.agents.known[id] = true
		s.world.apply(Replace, id, groups)
	})
}

// AddAgents creates agents.
func (s *Server) AddAgents(ids ...string) {
	s.update(func() {
		for _, id := range ids {
			s.world.agents.known[id] = true
		}
	})
}

// RemoveAgents deletes agents, with their groups. Calls for them answer 1509.
func (s *Server) RemoveAgents(ids ...string) {
	s.update(func() {
		for _, id := range ids {
			s.world.agents.known[id] = false
			delete(s.world.serves, id)
		}
	})
}

// Groups returns the groups that were configured or added.
func (s *Server) Groups() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.world.groups.list()
}

// AddGroups creates groups.
func (s *Server) AddGroups(ids ...string) {
	s.update(func() {
		for _, id := range ids {
			s.world.groups.known[id] = true
		}
	})
}

// RemoveGroups deletes groups, also from the agents that have them. Calls that
// name them answer 1505.
func (s *Server) RemoveGroups(ids ...string) {
	s.update(func() {
		for _, id := range ids {
			s.world.groups.known[id] = false
			for _, groups := range s.world.serves {
				delete(groups, id)
			}
		}
	})
}

// sortIDs sorts numbers by value and other IDs by text: 7, 90, 100.
func sortIDs(ids []string) []string {
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	return ids
}
