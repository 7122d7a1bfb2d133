package plan

import "time"

// Groups says for each group ID whether the agent receives calls for it.
type Groups map[string]bool

// Claims are one source's wishes for the groups of an agent, and what came of them so far.
// An AgentGroupMapping is such a source.
type Claims struct {
	// Owner names the source, unique and stable: namespace/name. The last tie-break of ownership.
	Owner string
	// Created is when the source came to be. The older source owns a group that nobody holds.
	Created time.Time
	// Declared is what the source wants; empty while it is being removed.
	Declared Groups
	// Applied is what DeepCall last confirmed for this source.
	Applied Groups
	// Confirmed is when that was.
	Confirmed time.Time
	// Elsewhere is true when Applied no longer counts: it was confirmed at another endpoint than the
	// present one, or DeepCall refuses it by now. It does not ride along with other sources' changes.
	Elsewhere bool
	// Uncertain is true when DeepCall may hold something else than Applied, since an answer was lost.
	Uncertain bool
	// Attempted are groups that a call without a definite answer may have added.
	Attempted []string
	// Removing is true when the source is being deleted.
	Removing bool
	// Orphan is true when groups are left as they stand instead of stopped.
	Orphan bool
	// Suspended is true when no call may be made for this source.
	Suspended bool
	// Blocked is true when this source's change was refused, or backs off: it is not sent now.
	Blocked bool
	// Due is true when the groups are to be sent again although nothing changed.
	Due bool
	// Trial is how far a removal that DeepCall refused was taken apart.
	Trial Trial
}

// applied is what counts as applied, at the present endpoint.
func (s Claims) applied() Groups {
	if s.Elsewhere {
		return nil
	}
	return s.Applied
}

// held are the groups that DeepCall holds, or may hold, for the source. Those applied elsewhere
// are among them: better one stop too many than a phone that goes on ringing.
func (s Claims) held() map[string]bool {
	held := make(map[string]bool, len(s.Applied)+len(s.Attempted))
	for group := range s.Applied {
		held[group] = true
	}
	for _, group := range s.Attempted {
		held[group] = true
	}
	return held
}

func (s Claims) has(group string) bool {
	_, has := s.applied()[group]
	return has
}

// able is true when the source can take over a group by a call of its own.
func (s Claims) able() bool {
	return !s.Suspended && !s.Blocked
}
