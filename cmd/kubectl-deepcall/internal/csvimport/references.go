package csvimport

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// ParseAccount parses NAME or NAMESPACE/NAME.
func ParseAccount(text string) (v1alpha1.AccountReference, bool) {
	namespace, name, qualified := strings.Cut(text, "/")
	if !qualified {
		namespace, name = "", text
	}
	if len(validation.IsDNS1123Subdomain(name)) > 0 || (qualified && len(validation.IsDNS1123Label(namespace)) > 0) {
		return v1alpha1.AccountReference{}, false
	}
	return v1alpha1.AccountReference{Namespace: namespace, Name: name}, true
}

// namespace returns the namespace of a row's mapping: that of the column, or of the options.
func (o Options) namespace(r row) (namespace, problem string) {
	namespace = r.cells[columnNamespace]
	switch {
	case namespace == "" || (o.Explicit && o.Force):
		return o.Namespace, ""
	case len(validation.IsDNS1123Label(namespace)) > 0:
		return "", fmt.Sprintf("namespace %q is invalid", namespace)
	case o.Explicit && namespace != o.Namespace:
		return "", fmt.Sprintf("namespace is %s, not %s: import it with -n %s, or add --force to import the mapping into %s",
			namespace, o.Namespace, namespace, o.Namespace)
	}
	return namespace, ""
}

// omitsNamespace reports whether the manifest of the row's mapping contains no namespace.
func (o Options) omitsNamespace(r row) bool { return o.OmitNamespace && r.cells[columnNamespace] == "" }

// account returns the account of a row: that of the options, or of the column.
func (o Options) account(r row, namespace string) (account v1alpha1.AccountReference, problem string) {
	cell, given := r.cells[columnAccount], o.Account != v1alpha1.AccountReference{}
	switch {
	case cell == "" && !given:
		return account, "account is empty: enter NAME or NAMESPACE/NAME, or use --account"
	case cell == "" || (given && o.Force):
		return o.Account, ""
	}
	account, ok := ParseAccount(cell)
	switch {
	case !ok:
		return account, fmt.Sprintf("account %q is invalid: use NAME or NAMESPACE/NAME", cell)
	case !given && account.Namespace == namespace && !o.omitsNamespace(r):
		return v1alpha1.AccountReference{Name: account.Name}, ""
	case !given:
		return account, ""
	case keyOf(account, namespace) != keyOf(o.Account, namespace):
		return account, fmt.Sprintf("account is %s, but --account is %s: correct one of the two; with --force, new mappings are created with %s, but an existing "+
			"mapping can't change its account", keyOf(account, namespace), keyOf(o.Account, namespace), keyOf(o.Account, namespace))
	}
	return o.Account, ""
}

// keyOf returns the account that a mapping of the namespace references.
func keyOf(account v1alpha1.AccountReference, namespace string) types.NamespacedName {
	mapping := v1alpha1.AgentGroupMapping{Spec: v1alpha1.AgentGroupMappingSpec{AccountRef: account}}
	mapping.Namespace = namespace
	return mapping.AccountKey()
}
