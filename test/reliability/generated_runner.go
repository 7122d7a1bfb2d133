package reliability

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// runner runs the operations of a sequence in an environment with two accounts of two users, and two DeepCalls between
// which each account can move.
type runner struct {
	t        tb
	env      *environment
	sequence sequence
	model    *model
	// servers and urls are by endpoint: primary, secondary.
	servers           map[string]*deepcalltest.Server
	urls              map[string]string
	endpoints         map[string]string // of the accounts
	users             map[string]string // by account
	tokens            map[string]string // that DeepCall accepts, by account
	secrets           []string          // every credential so far
	reconcileRequests int
	groupChanges      []groupChange
	writtenRevisions  map[string]uint64 // of the last write of each mapping by an operation
	saved             *savedState
	restored          bool // whether the saved state must be reached again
}

const (
	primary, secondary = "primary", "secondary"
	// requestTimeout limits how long a DeepCall that hangs delays the test.
	requestTimeout = 700 * time.Millisecond
)

func newRunner(t tb, s sequence) *runner {
	semantics := deepcalltest.Merge
	if s.Replace {
		semantics = deepcalltest.Replace
	}
	env := newEnvironment(t, environmentOptions{semantics: semantics, otherNamespaces: 1})
	otherURL := env.startOtherDeepCall()
	r := &runner{
		t: t, env: env, sequence: s, model: newModel(),
		servers:   map[string]*deepcalltest.Server{primary: env.deepcall, secondary: env.otherDeepCall},
		urls:      map[string]string{primary: env.url, secondary: otherURL},
		endpoints: map[string]string{}, users: map[string]string{}, tokens: map[string]string{}, writtenRevisions: map[string]uint64{},
	}
	for _, server := range r.servers {
		server.SetAccounts()
		server.RemoveGroups(unknownGroup)
	}
	for _, account := range accountNames {
		r.endpoints[account] = primary
		r.users[account] = r.newCredential()
		r.rotateInDeepCall(account)
		r.createAccount(account)
	}
	return r
}

// mapping reads a mapping, if it exists.
func (r *runner) mapping(name string) *v1alpha1.AgentGroupMapping {
	mapping := &v1alpha1.AgentGroupMapping{}
	err := k8sClient.Get(r.env.ctx, r.env.key(name), mapping)
	if apierrors.IsNotFound(err) {
		return nil
	}
	r.env.must(err)
	return mapping
}

// edit patches a mapping, if it exists.
func (r *runner) edit(name string, change mutation) {
	mapping := &v1alpha1.AgentGroupMapping{}
	err := patch(r.env.ctx, r.env.key(name), mapping, change)
	if apierrors.IsNotFound(err) {
		return
	}
	r.env.must(err)
	r.recordWrite(name, mapping)
}

// recordWrite records the answer of the API server to a write.
func (r *runner) recordWrite(name string, mapping *v1alpha1.AgentGroupMapping) {
	r.writtenRevisions[name] = revision(mapping)
	r.model.recordSpec(mapping, r.writtenRevisions[name])
}

// apply creates or edits a mapping.
func (r *runner) apply(name string, spec v1alpha1.AgentGroupMappingSpec) {
	setSpec := func(mapping *v1alpha1.AgentGroupMapping) {
		mapping.Spec.Groups, mapping.Spec.RemovalPolicy, mapping.Spec.Suspend = spec.Groups, spec.RemovalPolicy, spec.Suspend
	}
	if r.mapping(name) != nil {
		r.edit(name, setSpec)
		return
	}
	mapping := r.newMapping(name)
	setSpec(mapping)
	r.env.must(k8sClient.Create(r.env.ctx, mapping))
	r.recordWrite(name, mapping)
}

func (r *runner) delete(name string) {
	mapping := r.mapping(name)
	if mapping == nil {
		return
	}
	now := metav1.Now()
	mapping.DeletionTimestamp = &now
	r.env.must(client.IgnoreNotFound(k8sClient.Delete(r.env.ctx, &v1alpha1.AgentGroupMapping{ObjectMeta: objectMeta(r.env.key(name))})))
	r.model.recordSpec(mapping, r.revision())
}

func (r *runner) requestResync(name string) { r.edit(name, requestReconcile(r.nextRequest())) }

// revision returns the current revision of the API server. Later writes have a higher one.
func (r *runner) revision() uint64 {
	var mappings v1alpha1.AgentGroupMappingList
	r.env.must(k8sClient.List(r.env.ctx, &mappings, client.InNamespace(r.env.namespaces[0])))
	n, err := strconv.ParseUint(mappings.ResourceVersion, 10, 64)
	r.env.must(err)
	return n
}

// released returns the groups of an agent that may have any value in its DeepCall.
func (r *runner) released(agent string) map[string]bool {
	endpoint := r.endpoints[agentAccounts[agent]]
	return r.model.releasedAt(endpoint, r.urls[endpoint], agent, r.env.history.list())
}

// objectName returns the name of an object in the sequence, which env.key parses.
func (r *runner) objectName(key client.ObjectKey) string {
	if i := slices.Index(r.env.namespaces, key.Namespace); i > 0 {
		return fmt.Sprintf("%d/%s", i, key.Name)
	}
	return key.Name
}

// server returns the DeepCall of an agent's account.
func (r *runner) server(agent string) *deepcalltest.Server {
	return r.servers[r.endpoints[agentAccounts[agent]]]
}
