package command

import (
	"context"
	"fmt"

	apisauthorizationv1 "k8s.io/api/authorization/v1"
	apiscoordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/check"
)

const operatorLabels = "app.kubernetes.io/name=deepcall-operator,control-plane=controller-manager"

// listWithFallback calls list for all namespaces, or, if that is forbidden, for the operator's. It returns the namespace.
func (c *checker) listWithFallback(list func(namespace string) error) (string, error) {
	err := list(metav1.NamespaceAll)
	if !apierrors.IsForbidden(err) {
		return metav1.NamespaceAll, err
	}
	return c.operatorNamespace, list(c.operatorNamespace)
}

func (c *checker) checkOperators(ctx context.Context) error {
	var found []check.Result
	namespace, err := c.listWithFallback(func(namespace string) error {
		list, err := c.apps.Deployments(namespace).List(ctx, metav1.ListOptions{LabelSelector: operatorLabels})
		if err != nil {
			return err
		}
		for i := range list.Items {
			found = append(found, check.Deployment(&list.Items[i]))
			c.operators = append(c.operators, check.NewOperator(&list.Items[i]))
		}
		return nil
	})
	switch {
	case err != nil:
		return c.addForbidden(err, "operator", "list", "deployments", namespace)
	case len(found) == 0:
		c.add(check.NoDeployment(inNamespaceOrAll(namespace)))
	}
	c.add(found...)
	return nil
}

func (c *checker) checkLeader(ctx context.Context) error {
	var leases []apiscoordinationv1.Lease
	namespace, err := c.listWithFallback(func(namespace string) error {
		list, err := c.leases.Leases(namespace).List(ctx, metav1.ListOptions{})
		if err == nil {
			leases = list.Items
		}
		return err
	})
	if err != nil {
		return c.addForbidden(err, "leader", "list", "leases", namespace)
	}
	c.add(check.Leaders(leases, c.now)...)
	return nil
}

// checkOperatorRights checks whether the operators can list the objects that they watch.
func (c *checker) checkOperatorRights(ctx context.Context) error {
	for _, operator := range c.operators {
		if operator.UnknownWatched {
			c.add(check.Result{
				Check: "operator's rights", Object: operator.Namespace + "/" + operator.Name, State: check.NotChecked,
				Message: "the Deployment does not state the watched namespaces",
			})
			continue
		}
		var missing []check.Right
		for _, right := range operator.Rights() {
			allowed, err := c.isAllowed(ctx, operator, right)
			if err != nil {
				return c.addForbidden(err, "operator's rights", "create", "subjectaccessreviews", clusterScoped)
			}
			if !allowed {
				missing = append(missing, right)
			}
		}
		c.add(operator.MissingRights(missing)...)
	}
	return nil
}

func (c *checker) isAllowed(ctx context.Context, operator check.Operator, right check.Right) (bool, error) {
	attributes := reviewAttributes("list", right.Resource, right.Namespace)
	if right.Resource == "secrets" {
		attributes.Group = ""
	}
	review, err := c.reviews.SubjectAccessReviews().Create(ctx, &apisauthorizationv1.SubjectAccessReview{
		Spec: apisauthorizationv1.SubjectAccessReviewSpec{
			User:               fmt.Sprintf("system:serviceaccount:%s:%s", operator.Namespace, operator.ServiceAccount),
			Groups:             []string{"system:serviceaccounts", "system:serviceaccounts:" + operator.Namespace, "system:authenticated"},
			ResourceAttributes: attributes,
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

func reviewAttributes(verb, resource, namespace string) *apisauthorizationv1.ResourceAttributes {
	return &apisauthorizationv1.ResourceAttributes{Verb: verb, Group: v1alpha1.GroupVersion.Group, Resource: resource, Namespace: namespace}
}

// checkPlugin compares the versions of this plugin and of the operators.
func (c *checker) checkPlugin(context.Context) error {
	if len(c.operators) == 0 {
		c.add(check.Skew(c.version, ""))
	}
	for _, operator := range c.operators {
		c.add(check.Skew(c.version, operator.Version))
	}
	return nil
}
