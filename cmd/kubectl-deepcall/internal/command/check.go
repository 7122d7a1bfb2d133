package command

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	appsv1 "k8s.io/client-go/kubernetes/typed/apps/v1"
	authorizationv1 "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"

	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/check"
)

const defaultOperatorNamespace = "deepcall-operator-system"

type checkOptions struct {
	*factory
	output            *outputFlags
	version           string
	operatorNamespace string
	allNamespaces     bool
}

func newCheckCommand(f *factory, version string) *cobra.Command {
	o := &checkOptions{factory: f, version: version, output: newOutputFlags("").withoutName()}
	cmd := &cobra.Command{
		Use:         "check",
		Annotations: resultInExitStatus,
		Short:       "Check the installation: CRDs, operator, leader, accounts, rights and versions",
		Long: `Check the installation of the operator: Kubernetes and the CRDs, the operator's Deployment, version, rights and leader,
the accounts and mappings of the namespace, your own rights, and whether this plugin is too old or too new. Nothing is
changed.

Each line is ok, warning, error, or not checked. The latter names the right that is missing: the role view is enough for
accounts and mappings, and the cluster's administrator can check everything.

The exit status is 0 if no line is an error, 1 if one is, and 2 if the checks can't be made.`,
		Example: `  # Check the installation, and the accounts and mappings of the namespace
  kubectl deepcall check

  # Check those of all namespaces
  kubectl deepcall check -A

  # Print the lines that need attention
  kubectl deepcall check -A -o json | jq '.checks[] | select(.state != "ok")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "Check accounts and mappings in all namespaces.")
	flags.StringVar(&o.operatorNamespace, "operator-namespace", defaultOperatorNamespace,
		"The namespace of the operator, which is used if you can't list Deployments in all namespaces.")
	o.output.addFlags(cmd)
	return cmd
}

func (o *checkOptions) run(ctx context.Context) error {
	if err := o.output.validate(); err != nil {
		return err
	}
	c, err := o.newChecker()
	if err != nil {
		return err
	}
	if err := c.run(ctx); err != nil {
		return err
	}
	if o.output.isOneOf("") {
		err = check.Print(o.Out, c.results)
	} else {
		err = o.output.printDocument(o.Out, check.NewDocument(c.results))
	}
	if err == nil && check.HasError(c.results) {
		return errNotOK
	}
	return err
}

// checker collects the results of all checks.
type checker struct {
	*checkOptions
	namespace string // of the accounts and mappings; empty for all
	now       time.Time
	discovery *discovery.DiscoveryClient
	dynamic   dynamic.Interface
	apps      appsv1.AppsV1Interface
	leases    coordinationv1.CoordinationV1Interface
	reviews   authorizationv1.AuthorizationV1Interface
	operators []check.Operator
	hasNoCRDs bool
	results   []check.Result
}

func (o *checkOptions) newChecker() (*checker, error) {
	c := &checker{checkOptions: o, now: time.Now()}
	config, err := o.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	if c.namespace, err = o.factory.namespace(); err != nil {
		return nil, err
	}
	if o.allNamespaces {
		c.namespace = ""
	}
	if c.discovery, err = discovery.NewDiscoveryClientForConfig(config); err != nil {
		return nil, err
	}
	if c.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, err
	}
	if c.apps, err = appsv1.NewForConfig(config); err != nil {
		return nil, err
	}
	if c.leases, err = coordinationv1.NewForConfig(config); err != nil {
		return nil, err
	}
	c.reviews, err = authorizationv1.NewForConfig(config)
	return c, err
}

// run makes all checks. It returns an error if one can't be made for another reason than a missing right.
func (c *checker) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		c.checkServer, c.checkServed, c.checkSchema, c.checkDefinitions,
		c.checkOperators, c.checkLeader, c.checkOperatorRights, c.checkPlugin,
		c.checkCaller, c.checkAccounts, c.checkMappings,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) add(results ...check.Result) {
	c.results = append(c.results, results...)
}

// addForbidden adds the result of a check for which a right is missing. It returns any other error.
func (c *checker) addForbidden(err error, what, verb, resource, namespace string) error {
	right, err := missingRight(err, verb, resource, namespace)
	if err != nil {
		return err
	}
	c.add(check.Forbidden(what, right))
	return nil
}
