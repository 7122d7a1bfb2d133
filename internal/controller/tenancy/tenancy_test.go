package tenancy

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestListOptions_cover_everything_that_is_watched(t *testing.T) {
	everything := New(nil, nil, nil)
	shard := New(nil, []string{"support", "sales"}, labels.SelectorFromSet(labels.Set{"shard": "a"}))
	for name, c := range map[string]struct {
		tenancy Tenancy
		want    []string
	}{
		"everything":                {everything, []string{" "}},
		"a shard of two namespaces": {shard, []string{"support shard=a", "sales shard=a"}},
	} {
		var lists []string
		for _, options := range c.tenancy.ListOptions() {
			listed := (&client.ListOptions{}).ApplyOptions(options)
			selector := ""
			if listed.LabelSelector != nil {
				selector = listed.LabelSelector.String()
			}
			lists = append(lists, listed.Namespace+" "+selector)
		}
		if !slices.Equal(lists, c.want) {
			t.Errorf("%s: lists %q, want %q", name, lists, c.want)
		}
	}
}
