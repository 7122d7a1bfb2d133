package plan

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// Snapshot is what is known of one agent at one moment.
type Snapshot struct {
	Key v1alpha1.AgentKey
	// Now is when the snapshot was taken.
	Now     time.Time
	Account Account
	// Mappings are all mappings of the agent that are not released, in any order.
	Mappings []Mapping
}

// Account is the agent's account in a snapshot.
type Account struct {
	// Exists reports whether there is such an account, and Deleting whether it is being deleted.
	Exists, Deleting bool
	// Endpoint is where requests are sent now.
	Endpoint string
	// UserHash identifies the user there, see deepcall.Target. It is empty for a session, and while the Secret can't be used.
	UserHash string
	// Misconfigured reports whether the account's spec or Secret can't be used.
	Misconfigured bool
	// Reachable reports whether DeepCall neither denies the account nor fails to answer.
	Reachable bool
	// Paused reports whether DeepCall asked the account to wait.
	Paused bool
	// CanRemove reports whether removals can be sent, also after the Secret is gone.
	CanRemove bool
	// Recoveries increases when the account becomes ready or changes. A back-off that began with another value no longer applies.
	Recoveries int
	// ResyncRequested identifies the last requested resync of all the account's mappings; nil if there is none. Each mapping
	// records the one that it has handled, so the operator's clock and that of the status don't matter.
	ResyncRequested *metav1.MicroTime
}

func (a Account) target() deepcall.Target {
	return deepcall.Target{Endpoint: a.Endpoint, UserHash: a.UserHash}
}

func (a Account) ready() bool {
	return !a.Misconfigured && a.Reachable
}

// Mapping is one mapping of the agent in a snapshot.
type Mapping struct {
	*v1alpha1.AgentGroupMapping
	// Permitted reports whether the account allows mappings of this namespace.
	Permitted bool
	// NamespaceTerminating reports whether the mapping's namespace is being deleted. It is set only for a mapping that is
	// being deleted while its account can't send removals.
	NamespaceTerminating bool

	// outdatedStatus reports that the stored status belongs to another object, or lacks a status that the API server rejected. The
	// next write replaces it.
	outdatedStatus bool
	// unrecorded are groups that DeepCall has, or may have, and that are missing from the stored status for the latter reason. Each
	// record of an attempt contains them.
	unrecorded []string
}

// IsOutside reports whether the mapping affects no request: it has no permission to use the account, and its status proves no
// earlier use.
func (m Mapping) IsOutside() bool {
	return !m.Permitted && len(m.Status.AppliedGroups)+len(m.Status.PendingGroups) == 0
}

// index returns the position of a mapping, or -1 if it is gone.
func (s Snapshot) index(uid types.UID) int {
	return slices.IndexFunc(s.Mappings, func(m Mapping) bool { return m.UID == uid })
}

// Unreleased returns the snapshot without the mappings that were released since it was taken.
func (s Snapshot) Unreleased() Snapshot {
	s.Mappings = slices.DeleteFunc(slices.Clone(s.Mappings), func(m Mapping) bool { return m.Released() })
	return s
}
