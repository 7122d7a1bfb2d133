package effect

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// Apply returns the objects after the manifests were applied: their spec replaces that of existing objects, and missing objects are
// created. Every manifest needs a namespace and a complete spec, except for defaults. An error names the manifests that the API
// server would reject since they change an immutable field.
func Apply(before, manifests Objects, now time.Time) (Objects, error) {
	after := Objects{
		Mappings: slices.Clone(before.Mappings), Accounts: slices.Clone(before.Accounts), Namespaces: before.Namespaces,
	}
	var errs []error
	mappings := positions(before.Mappings)
	for _, manifest := range manifests.Mappings {
		i, exists := mappings[nameOf(manifest)]
		if !exists {
			mappings[nameOf(manifest)] = len(after.Mappings)
			after.Mappings = append(after.Mappings, newMapping(manifest, now))
			continue
		}
		if err := validateUpdate(after.Mappings[i], manifest); err != nil {
			errs = append(errs, err)
			continue
		}
		after.Mappings[i] = updateMapping(after.Mappings[i], manifest)
	}
	accounts := positions(before.Accounts)
	for _, manifest := range manifests.Accounts {
		i, exists := accounts[nameOf(manifest)]
		if !exists {
			accounts[nameOf(manifest)] = len(after.Accounts)
			after.Accounts = append(after.Accounts, newAccount(manifest))
			continue
		}
		after.Accounts[i] = updateAccount(after.Accounts[i], manifest)
	}
	return after, errors.Join(errs...)
}

// Delete returns the objects after the selected mappings were deleted. A mapping that has the finalizer stays until its groups are
// removed.
func (o Objects) Delete(now time.Time, selects func(*v1alpha1.AgentGroupMapping) bool) Objects {
	mappings := o.Mappings
	o.Mappings = nil
	for _, m := range mappings {
		switch {
		case !selects(m) || m.DeletionTimestamp != nil:
			o.Mappings = append(o.Mappings, m)
		case m.HasFinalizer():
			m = m.DeepCopy()
			m.DeletionTimestamp = &metav1.Time{Time: now}
			m.Generation++
			o.Mappings = append(o.Mappings, m)
		}
	}
	return o
}

// DeleteAccounts returns the objects after the selected accounts were deleted. An account stays until no mapping needs it for its
// removal.
func (o Objects) DeleteAccounts(now time.Time, selects func(*v1alpha1.DeepCallAccount) bool) Objects {
	inUse := map[types.NamespacedName]bool{}
	for _, m := range o.Mappings {
		inUse[m.AccountKey()] = inUse[m.AccountKey()] || m.HasFinalizer()
	}
	accounts := o.Accounts
	o.Accounts = nil
	for _, a := range accounts {
		switch {
		case !selects(a) || a.DeletionTimestamp != nil:
			o.Accounts = append(o.Accounts, a)
		case inUse[nameOf(a)]:
			a = a.DeepCopy()
			a.DeletionTimestamp = &metav1.Time{Time: now}
			o.Accounts = append(o.Accounts, a)
		}
	}
	return o
}

// Synced returns the objects as they are once the operator has sent their groups, and DeepCall has accepted them.
func Synced(objects Objects, o Options) (Objects, error) {
	synced := Objects{Accounts: objects.Accounts, Namespaces: objects.Namespaces}
	specs := positions(objects.Mappings)
	c := newChange(Objects{}, objects, o)
	for _, key := range c.agents {
		a := c.newAgent(key)
		if err := a.run(); err != nil {
			return Objects{}, err
		}
		for _, m := range a.mappings {
			m.Spec = objects.Mappings[specs[nameOf(m)]].Spec
			synced.Mappings = append(synced.Mappings, m.AgentGroupMapping)
		}
	}
	return synced, nil
}

func newMapping(manifest *v1alpha1.AgentGroupMapping, now time.Time) *v1alpha1.AgentGroupMapping {
	m := manifest.DeepCopy()
	setMappingDefaults(&m.Spec)
	m.UID, m.Generation, m.CreationTimestamp, m.DeletionTimestamp = newUID(m), 1, metav1.Time{Time: now}, nil
	m.Status = v1alpha1.AgentGroupMappingStatus{ObservedGeneration: -1}
	return m
}

// updateMapping returns the mapping itself if the manifest changes nothing that the operator reads.
func updateMapping(live, manifest *v1alpha1.AgentGroupMapping) *v1alpha1.AgentGroupMapping {
	m := live.DeepCopy()
	manifest.Spec.DeepCopyInto(&m.Spec)
	setMappingDefaults(&m.Spec)
	requestResync(m, manifest)
	if !equality.Semantic.DeepEqual(live.Spec, m.Spec) {
		m.Generation++
	} else if v1alpha1.RequestedAt(live) == v1alpha1.RequestedAt(m) {
		return live
	}
	return m
}

// validateUpdate returns the API server's error for a change of an immutable field.
func validateUpdate(live, manifest *v1alpha1.AgentGroupMapping) error {
	switch {
	case live.Spec.AgentID != manifest.Spec.AgentID:
		return fmt.Errorf("mapping %s: spec.agentID is immutable, and changes from %s to %s; delete the mapping and create it for the other agent",
			nameOf(live), live.Spec.AgentID, manifest.Spec.AgentID)
	case live.Spec.AccountRef != manifest.Spec.AccountRef:
		return fmt.Errorf("mapping %s: spec.accountRef is immutable, and changes from %s to %s; create a mapping with another name and the other account: see docs/how-to/change-account.md",
			nameOf(live), live.AccountKey(), manifest.AccountKey())
	}
	return nil
}

func newAccount(manifest *v1alpha1.DeepCallAccount) *v1alpha1.DeepCallAccount {
	a := manifest.DeepCopy()
	setAccountDefaults(&a.Spec)
	a.UID, a.DeletionTimestamp, a.Status = newUID(a), nil, v1alpha1.DeepCallAccountStatus{ObservedGeneration: -1}
	return a
}

func updateAccount(live, manifest *v1alpha1.DeepCallAccount) *v1alpha1.DeepCallAccount {
	a := live.DeepCopy()
	manifest.Spec.DeepCopyInto(&a.Spec)
	setAccountDefaults(&a.Spec)
	requestResync(a, manifest)
	return a
}

// requestResync copies the annotation that requests a resync, the only one of users that the operator reads.
func requestResync(object, manifest metav1.Object) {
	at := manifest.GetAnnotations()[v1alpha1.ReconcileRequestedAtAnnotation]
	if at == "" || at == object.GetAnnotations()[v1alpha1.ReconcileRequestedAtAnnotation] {
		return
	}
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.ReconcileRequestedAtAnnotation] = at
	object.SetAnnotations(annotations)
}

// setMappingDefaults sets the defaults of the CRD.
func setMappingDefaults(spec *v1alpha1.AgentGroupMappingSpec) {
	if spec.RemovalPolicy == "" {
		spec.RemovalPolicy = v1alpha1.RemovalPolicyStopCalls
	}
	if spec.ResyncInterval == nil {
		spec.ResyncInterval = &metav1.Duration{Duration: time.Hour}
	}
}

// setAccountDefaults sets the defaults of the CRD that affect which requests are sent.
func setAccountDefaults(spec *v1alpha1.DeepCallAccountSpec) {
	spec.AllowedNamespaces.From = cmp.Or(spec.AllowedNamespaces.From, v1alpha1.NamespacesFromSame)
}

// newUID returns a UID for an object that does not exist yet.
func newUID(object metav1.Object) types.UID {
	return types.UID("new/" + nameOf(object).String())
}

func nameOf(object metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
}

// positions returns the position of each object by its name.
func positions[T metav1.Object](objects []T) map[types.NamespacedName]int {
	byName := make(map[types.NamespacedName]int, len(objects))
	for i, object := range objects {
		byName[nameOf(object)] = i
	}
	return byName
}
