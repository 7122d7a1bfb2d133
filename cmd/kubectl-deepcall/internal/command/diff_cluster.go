package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/effect"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

// cluster holds the objects of the cluster that the caller can read.
type cluster struct {
	effect.Objects
	mappings, accounts readScope
	// unread are namespaces of the manifests whose mappings or accounts could not be read, sorted.
	unread []string
}

// readScope are the namespaces whose objects of a kind could be read; nil if all could.
type readScope map[string]bool

func (s readScope) contains(namespace string) bool {
	return s == nil || s[namespace]
}

// readCluster reads all mappings and accounts. If the caller is not allowed to list those of all namespaces, it reads those of the
// namespaces that the manifests mention, and of the visited ones.
func (o *diffOptions) readCluster(manifests []document, visited map[string]bool) (*cluster, error) {
	namespaces, err := o.namespacesOf(manifests, visited)
	if err != nil {
		return nil, err
	}
	c, err := o.readObjects(namespaces, manifests)
	if err != nil {
		return nil, err
	}
	c.setUnread(manifests, visited)
	return c, nil
}

// setUnread sets the namespaces that could not be read although a manifest can change an object there, or --prune can delete one.
func (c *cluster) setUnread(manifests []document, visited map[string]bool) {
	unread := map[string]bool{}
	for namespace := range visited {
		if !c.mappings.contains(namespace) {
			unread[namespace] = true
		}
	}
	scopes := map[string]readScope{mappingKind.Kind: c.mappings, accountKind.Kind: c.accounts}
	for _, d := range manifests {
		if scope, isOurs := scopes[d.GetKind()]; isOurs && !scope.contains(d.GetNamespace()) {
			unread[d.GetNamespace()] = true
		}
	}
	c.unread = slices.Sorted(maps.Keys(unread))
}

// readObjects reads all mappings and accounts, or those of the given namespaces that the caller can read.
func (f *factory) readObjects(namespaces []string, manifests []document) (*cluster, error) {
	c := &cluster{}
	var err error
	c.mappings, err = f.readAll(mappingType, namespaces, func(page runtime.Object) {
		for i := range page.(*v1alpha1.AgentGroupMappingList).Items {
			m := &page.(*v1alpha1.AgentGroupMappingList).Items[i]
			m.ManagedFields = nil
			c.Mappings = append(c.Mappings, m)
		}
	})
	if err != nil {
		return nil, err
	}
	c.accounts, err = f.readAll(accountType, namespaces, func(page runtime.Object) {
		for i := range page.(*v1alpha1.DeepCallAccountList).Items {
			c.Accounts = append(c.Accounts, &page.(*v1alpha1.DeepCallAccountList).Items[i])
		}
	})
	if apierrors.IsForbidden(err) {
		c.accounts = readScope{}
	} else if err != nil {
		return nil, err
	}
	c.Namespaces, err = f.readLabels(namespaces, manifests, c.Accounts)
	return c, err
}

// namespacesOf returns the namespaces of the manifests and of their accounts, the visited ones, and the selected one.
func (o *diffOptions) namespacesOf(manifests []document, visited map[string]bool) ([]string, error) {
	selected, err := o.namespace()
	namespaces := append(slices.Collect(maps.Keys(visited)), selected)
	for _, d := range manifests {
		account, _, _ := unstructured.NestedString(d.Object, "spec", "accountRef", "namespace")
		namespaces = append(namespaces, d.GetNamespace(), account)
		if isNamespace(d.Unstructured) {
			namespaces = append(namespaces, d.GetName())
		}
	}
	slices.Sort(namespaces)
	namespaces = slices.DeleteFunc(slices.Compact(namespaces), func(name string) bool { return name == "" })
	return namespaces, err
}

// readAll reads the objects of a resource in all namespaces, or in those of the given ones that the caller can read.
func (f *factory) readAll(resourceType string, namespaces []string, add func(page runtime.Object)) (readScope, error) {
	err := f.readPages(resourceType, "", add)
	if !apierrors.IsForbidden(err) {
		return nil, err
	}
	scope := readScope{}
	for _, namespace := range namespaces {
		err := f.readPages(resourceType, namespace, add)
		if err != nil && !apierrors.IsForbidden(err) {
			return nil, err
		}
		if err == nil {
			scope[namespace] = true
		}
	}
	if len(scope) == 0 {
		return nil, err
	}
	return scope, nil
}

// readPages reads the objects of a resource in a namespace, or in all if it is empty.
func (f *factory) readPages(resourceType, namespace string, add func(page runtime.Object)) error {
	builder, err := f.builderIn(namespace, namespace == "")
	if err != nil {
		return err
	}
	return builder.WithScheme(scheme, v1alpha1.GroupVersion).ResourceTypes(resourceType).SelectAllParam(true).Do().
		Visit(func(info *resource.Info, err error) error {
			if err == nil {
				add(info.Object)
			}
			return err
		})
}

// readLabels returns the labels of namespaces if an account selects namespaces by label: of all, or of the given ones that the
// caller can read.
func (f *factory) readLabels(namespaces []string, manifests []document, accounts []*v1alpha1.DeepCallAccount) (map[string]map[string]string, error) {
	read := map[string]map[string]string{}
	selects := func(a *v1alpha1.DeepCallAccount) bool {
		return a.Spec.AllowedNamespaces.From == v1alpha1.NamespacesFromSelector
	}
	selectsManifest := func(d document) bool {
		from, _, _ := unstructured.NestedString(d.Object, "spec", "allowedNamespaces", "from")
		return from == string(v1alpha1.NamespacesFromSelector)
	}
	if !slices.ContainsFunc(accounts, selects) && !slices.ContainsFunc(manifests, selectsManifest) {
		return read, nil
	}
	add := func(info *resource.Info, err error) error {
		if err != nil {
			return err
		}
		object, err := meta.Accessor(info.Object)
		if err == nil {
			read[object.GetName()] = object.GetLabels()
		}
		return err
	}
	builder := func() *resource.Builder {
		return resource.NewBuilder(f).Unstructured().Flatten().RequestChunksOf(chunkSize)
	}
	err := builder().ResourceTypes("namespaces").SelectAllParam(true).Do().Visit(add)
	if !apierrors.IsForbidden(err) {
		return read, err
	}
	for _, name := range namespaces {
		err := builder().ResourceNames("namespaces", name).Do().Visit(add)
		if err != nil && !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	return read, nil
}

// mayExist reports whether an account that was not read may exist.
func (c *cluster) mayExist(account types.NamespacedName) bool {
	return !c.accounts.contains(account.Namespace)
}

// notes states which namespaces and accounts could not be read, and how many mappings of the accounts that could.
func (c *cluster) notes(after effect.Objects) []string {
	read := map[types.NamespacedName]int{}
	for _, m := range c.Mappings {
		read[m.AccountKey()]++
	}
	var notes []string
	if len(c.unread) > 0 {
		notes = append(notes, fmt.Sprintf("You can't read the mappings or the accounts in these namespaces of the manifests: %s. The manifests count as new "+
			"there: calls that are reported to start can be received already, and nothing is reported to stop.", text.List(c.unread, len(c.unread))))
	}
	for _, name := range accountsOf(after) {
		if c.mayExist(name) {
			notes = append(notes, fmt.Sprintf("You can't read account %s. It is assumed to exist, and to permit the namespaces of its mappings. "+
				"Mappings of other namespaces can use it; requests also contain their groups.", name))
		}
	}
	for _, account := range c.Accounts {
		name := types.NamespacedName{Namespace: account.Namespace, Name: account.Name}
		if unread := int(account.Status.Mappings) - read[name]; c.mappings != nil && unread > 0 {
			notes = append(notes, fmt.Sprintf("You can't read %d of the %s of account %s, which are in other namespaces than %s. "+
				"Requests also contain their groups, they can own groups, and their agents can receive the calls of a group that is reported to have none.",
				unread, text.Count(int(account.Status.Mappings), "mapping"), name, strings.Join(slices.Sorted(maps.Keys(c.mappings)), ", ")))
		}
	}
	return notes
}
