package command

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/csvimport"
)

// readLive reads the mappings and accounts of the cluster. Without --apply none is needed: the file is not compared with objects that can't be read.
func (o *importOptions) readLive(table *csvimport.Table) (*cluster, error) {
	unknown := &cluster{mappings: readScope{}, accounts: readScope{}}
	if !o.apply && !o.hasCluster() {
		return unknown, nil
	}
	namespaces := table.Namespaces()
	for _, account := range table.Accounts() {
		namespaces = append(namespaces, account.Namespace)
	}
	slices.Sort(namespaces)
	live, err := o.readObjects(slices.Compact(namespaces), nil)
	if err != nil && !o.apply {
		fmt.Fprintf(o.ErrOut, "warning: the file was not compared with the cluster: %v\n", withHint(err))
		return unknown, nil
	}
	return live, err
}

// hasCluster reports whether a cluster is configured: kubectl's default is an address without an API server.
func (o *importOptions) hasCluster() bool {
	config, err := o.ToRESTConfig()
	return err == nil && config.Host != clientcmd.ClusterDefaults.Server
}

// check compares the file with the cluster. It prints warnings, and returns an error if anything must not be imported.
func (o *importOptions) check(table *csvimport.Table, live *cluster) error {
	problems, warnings := table.Check(live.Mappings)
	for _, warning := range warnings {
		fmt.Fprintf(o.ErrOut, "warning: %v\n", warning)
	}
	if len(problems) > 0 {
		return o.invalidFile(problems)
	}
	missing := o.missingAccounts(table, live)
	if len(missing) == 0 || o.force {
		return nil
	}
	return fmt.Errorf("account %s does not exist; nothing was imported: correct --account or the column account, where kubectl get dca -A lists accounts; "+
		"or add --force to create the account later", strings.Join(missing, ", "))
}

// missingAccounts returns the accounts of the file that do not exist, as far as the user can read them.
func (o *importOptions) missingAccounts(table *csvimport.Table, live *cluster) []string {
	var missing []string
	for _, name := range table.Accounts() {
		exists := slices.ContainsFunc(live.Accounts, func(a *v1alpha1.DeepCallAccount) bool { return a.Namespace == name.Namespace && a.Name == name.Name })
		if !exists && live.accounts.contains(name.Namespace) {
			missing = append(missing, name.String())
		}
	}
	return missing
}
