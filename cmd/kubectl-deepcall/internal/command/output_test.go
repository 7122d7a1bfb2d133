package command

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestPrintObject_separates_YAML_documents(t *testing.T) {
	flags := newOutputFlags("")
	*flags.OutputFormat = "yaml"
	var out strings.Builder
	for _, name := range []string{"asha", "ben"} {
		if err := flags.printObject(&out, &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	first, second, found := strings.Cut(out.String(), "\n---\n")
	if !found || !strings.HasSuffix(first, "  name: asha") || !strings.Contains(second, "  name: ben\n") {
		t.Errorf("got\n%s", out.String())
	}
}
