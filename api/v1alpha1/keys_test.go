package v1alpha1

import (
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

func TestPermits(t *testing.T) {
	selector := func(s *metav1.LabelSelector) AllowedNamespaces {
		return AllowedNamespaces{From: NamespacesFromSelector, Selector: s}
	}
	for name, c := range map[string]struct {
		allowed   AllowedNamespaces
		namespace string
		want      bool
	}{
		"its own namespace":                    {AllowedNamespaces{From: NamespacesFromSame}, "support", true},
		"another namespace":                    {AllowedNamespaces{From: NamespacesFromSame}, "sales", false},
		"the default":                          {AllowedNamespaces{}, "sales", false},
		"all namespaces":                       {AllowedNamespaces{From: NamespacesFromAll}, "sales", true},
		"a label":                              {selector(&metav1.LabelSelector{MatchLabels: map[string]string{"name": "sales"}}), "sales", true},
		"another label":                        {selector(&metav1.LabelSelector{MatchLabels: map[string]string{"name": "night"}}), "sales", false},
		"its own namespace despite a selector": {selector(&metav1.LabelSelector{MatchLabels: map[string]string{"name": "night"}}), "support", true},
		"an empty selector":                    {selector(&metav1.LabelSelector{}), "sales", true},
		"a missing selector":                   {selector(nil), "sales", false},
		"an invalid selector":                  {selector(&metav1.LabelSelector{MatchLabels: map[string]string{"name": "-"}}), "sales", false},
		"its own despite an invalid one":       {selector(&metav1.LabelSelector{MatchLabels: map[string]string{"name": "-"}}), "support", true},
	} {
		t.Run(name, func(t *testing.T) {
			account := DeepCallAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "support"}}
			account.Spec.AllowedNamespaces = c.allowed
			selects := func(s labels.Selector) (bool, error) { return s.Matches(labels.Set{"name": c.namespace}), nil }
			if got, err := account.Permits(c.namespace, selects); got != c.want || err != nil {
				t.Errorf("got %t, %v", got, err)
			}
		})
	}

	t.Run("returns the error of the lookup", func(t *testing.T) {
		account, failed := DeepCallAccount{}, errors.New("failed")
		account.Spec.AllowedNamespaces = selector(&metav1.LabelSelector{})
		if _, err := account.Permits("sales", func(labels.Selector) (bool, error) { return false, failed }); !errors.Is(err, failed) {
			t.Errorf("got %v", err)
		}
	})
}
