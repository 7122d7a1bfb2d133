package command

import (
	"context"

	apisauthorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/check"
)

// checkCaller checks the caller's own rights, which everyone can ask for.
func (c *checker) checkCaller(ctx context.Context) error {
	access := check.Access{Namespace: c.namespace}
	for _, verbs := range []struct {
		verbs   []string
		missing *[]string
	}{{[]string{"get", "list", "watch"}, &access.Reads}, {[]string{"create", "patch", "delete"}, &access.Changes}} {
		for _, resource := range []string{mappingsResource, accountsResource} {
			for _, verb := range verbs.verbs {
				allowed, err := c.isCallerAllowed(ctx, verb, resource)
				if err != nil {
					return c.addForbidden(err, "your rights", "create", "selfsubjectaccessreviews", clusterScoped)
				}
				if !allowed {
					*verbs.missing = append(*verbs.missing, verb+" "+resource)
				}
			}
		}
	}
	c.add(check.Caller(access))
	return nil
}

func (c *checker) isCallerAllowed(ctx context.Context, verb, resource string) (bool, error) {
	review, err := c.reviews.SelfSubjectAccessReviews().Create(ctx, &apisauthorizationv1.SelfSubjectAccessReview{
		Spec: apisauthorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: reviewAttributes(verb, resource, c.namespace)},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

func (c *checker) checkAccounts(ctx context.Context) error {
	if c.hasNoCRDs {
		return nil
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	list := &v1alpha1.DeepCallAccountList{}
	if err := client.Get().Namespace(c.namespace).Resource(accountsResource).Do(ctx).Into(list); err != nil {
		return c.addForbidden(err, "accounts", "list", accountsResource, c.namespace)
	}
	c.add(check.Accounts(list.Items, c.now)...)
	return nil
}

func (c *checker) checkMappings(context.Context) error {
	if c.hasNoCRDs {
		return nil
	}
	mappings, err := c.list(c.allNamespaces, "")
	if err != nil {
		return c.addForbidden(err, "mappings", "list", mappingsResource, c.namespace)
	}
	c.add(check.Mappings(mappings, c.now)...)
	return nil
}
