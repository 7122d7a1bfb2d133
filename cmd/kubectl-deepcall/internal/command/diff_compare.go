package command

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/effect"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/preview"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

// compareWithCluster returns the effect of applying the manifests to the cluster.
func (o *diffOptions) compareWithCluster() (preview.Document, error) {
	var none preview.Document
	reader, err := o.newManifestReader()
	if err != nil {
		return none, err
	}
	read, err := reader.read(o.manifests)
	if err != nil {
		return none, err
	}
	o.warnIfEmpty("the manifests", read)
	live, err := o.readCluster(read, reader.visited)
	if err != nil {
		return none, err
	}
	manifests, problems := reader.convert(read, live.Objects)
	if len(problems) > 0 {
		return none, o.invalidManifests(problems)
	}
	now := time.Now()
	after, err := effect.Apply(live.Objects, manifests, now)
	if err != nil {
		return none, err
	}
	after.Namespaces = applyLabels(live.Namespaces, manifests.Namespaces)
	if o.prune {
		after = after.Delete(now, o.prunes(manifests.Mappings, reader))
	}
	report, err := effect.Compute(live.Objects, after, effect.Options{Now: now, MayExist: live.mayExist})
	return preview.Document{Report: report, Notes: live.notes(after)}, err
}

// applyLabels returns the labels of namespaces after their manifests were applied, which keeps labels that the manifests lack.
func applyLabels(live, manifests map[string]map[string]string) map[string]map[string]string {
	applied := map[string]map[string]string{}
	maps.Copy(applied, live)
	for name, labels := range manifests {
		applied[name] = map[string]string{}
		maps.Copy(applied[name], live[name])
		maps.Copy(applied[name], labels)
	}
	return applied
}

// prunes returns a function that reports whether a mapping is deleted since the manifests lack it: one that the selector selects, in
// a namespace of the manifests of any kind.
func (o *diffOptions) prunes(manifests []*v1alpha1.AgentGroupMapping, reader *manifestReader) func(*v1alpha1.AgentGroupMapping) bool {
	selector, _ := labels.Parse(o.selector) // it was validated
	namespaces := reader.visited
	if len(namespaces) == 0 {
		namespaces = map[string]bool{reader.namespace: true}
	}
	lacks := lacking(manifests)
	return func(m *v1alpha1.AgentGroupMapping) bool {
		return namespaces[m.Namespace] && selector.Matches(labels.Set(m.Labels)) && lacks(m)
	}
}

// compareWithManifests returns the effect of replacing the manifests of --from, which count as synced.
func (o *diffOptions) compareWithManifests() (preview.Document, error) {
	var none preview.Document
	reader, err := o.newManifestReader()
	if err != nil {
		return none, err
	}
	readFrom, err := reader.read(o.manifests.at(o.from))
	if err != nil {
		return none, fmt.Errorf("--from: %w", err)
	}
	readTo, err := reader.read(o.manifests)
	if err != nil {
		return none, err
	}
	o.warnIfEmpty("the manifests of --from", readFrom)
	o.warnIfEmpty("the manifests", readTo)
	from, skipped := reader.convert(readFrom, effect.Objects{})
	for _, problem := range skipped {
		fmt.Fprintf(o.ErrOut, "warning: --from: not compared, since it is invalid: %s\n", text.SingleLine(problem))
	}
	to, problems := reader.convert(readTo, effect.Objects{})
	if len(problems) > 0 {
		return none, o.invalidManifests(problems)
	}
	return compareManifests(from, to, time.Now())
}

func compareManifests(from, to effect.Objects, now time.Time) (preview.Document, error) {
	var none preview.Document
	accounts := slices.Concat(from.Accounts, to.Accounts)
	// Nothing is known of an account that no manifest has.
	mayExist := func(name types.NamespacedName) bool {
		return !slices.ContainsFunc(accounts, func(a *v1alpha1.DeepCallAccount) bool { return a.Namespace == name.Namespace && a.Name == name.Name })
	}
	yesterday := now.AddDate(0, 0, -1) // so that existing mappings are older than new ones
	before, err := effect.Apply(effect.Objects{Namespaces: from.Namespaces}, from, yesterday)
	if err != nil {
		return none, fmt.Errorf("--from: %w", err)
	}
	before, err = effect.Synced(before, effect.Options{Now: yesterday, MayExist: mayExist})
	if err != nil {
		return none, err
	}
	after, err := effect.Apply(before, to, now)
	if err != nil {
		return none, err
	}
	after.Namespaces = to.Namespaces
	after = after.Delete(now, lacking(to.Mappings))
	after = after.DeleteAccounts(now, lacking(to.Accounts))
	report, err := effect.Compute(before, after, effect.Options{Now: now, MayExist: mayExist})
	return preview.Document{Report: report, Notes: assumptions(after, mayExist)}, err
}

// lacking returns a function that reports whether an object is missing from the manifests.
func lacking[T interface {
	GetNamespace() string
	GetName() string
}](manifests []T) func(T) bool {
	names := map[types.NamespacedName]bool{}
	for _, m := range manifests {
		names[types.NamespacedName{Namespace: m.GetNamespace(), Name: m.GetName()}] = true
	}
	return func(object T) bool {
		return !names[types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}]
	}
}

// assumptions returns the assumptions of a comparison without a cluster.
func assumptions(after effect.Objects, mayExist func(types.NamespacedName) bool) []string {
	notes := []string{"Compared without a cluster: DeepCall is assumed to have what the manifests of --from declare, except for suspended mappings."}
	for _, name := range accountsOf(after) {
		if mayExist(name) {
			notes = append(notes, fmt.Sprintf("The manifests lack account %s. It is assumed to exist, and to permit the namespaces of its mappings.", name))
		}
	}
	return notes
}
