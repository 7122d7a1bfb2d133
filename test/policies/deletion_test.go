package policies

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

const (
	crdRefused     = "deleting this CRD deletes all its objects in the cluster, and agents stop receiving calls"
	accountRefused = "the account is in use (status.mappings: "
	mappingRefused = "agent 7 receives calls for groups of this mapping, or is declared to, and the namespace is protected"
)

func TestDeletionIsRefused(t *testing.T) {
	counted := create(t, testenv.Account("counted", "https://v4-api.deepcall.com").In(open).Build())
	counted.Status.Mappings = 2
	updateStatus(t, counted)
	withApplied := func(name string, receives bool) client.Object {
		mapping := create(t, testenv.Mapping(name).In(protected).Group("90", false).Build())
		mapping.Status.AppliedGroups = []v1alpha1.AgentGroup{{GroupID: "90", ReceiveCall: receives}}
		updateStatus(t, mapping)
		return mapping
	}
	orphan := receivingMapping(protected, "orphan")
	orphan.Spec.RemovalPolicy = v1alpha1.RemovalPolicyOrphan
	terminating := receivingMapping(protected, "terminating")
	terminating.Finalizers = []string{v1alpha1.StopCallsFinalizer}
	terminating.Annotations = map[string]string{v1alpha1.ConfirmDeletionAnnotation: "true"}
	create(t, terminating)
	NewWithT(t).Expect(as(user).Delete(t.Context(), terminating)).To(Succeed())
	NewWithT(t).Expect(as(user).Patch(t.Context(), terminating, mergePatch(`{"metadata":{"annotations":null}}`))).To(Succeed())
	for _, test := range []struct {
		name   string
		object client.Object
		want   string
	}{
		{"the CRD of mappings", crd("agentgroupmappings"), crdRefused},
		{"the CRD of accounts", crd("deepcallaccounts"), crdRefused},
		{"an account with the finalizer", create(t, usedAccount(open, "used")), accountRefused + "0)"},
		{"an account with mappings", counted, accountRefused + "2)"},
		{"an account that is not in use", create(t, testenv.Account("unused", "https://v4-api.deepcall.com").In(protected).Build()), ""},
		{"a mapping with a group that receives calls", create(t, receivingMapping(protected, "asha")), mappingRefused},
		{"an Orphan mapping with such a group", create(t, orphan), mappingRefused},
		{"a mapping whose group still receives calls in DeepCall", withApplied("applied", true), mappingRefused},
		{"a mapping whose groups receive no calls", withApplied("quiet", false), ""},
		{"a mapping without groups", create(t, testenv.Mapping("empty").In(protected).Build()), ""},
		{"a mapping in another namespace", create(t, receivingMapping(open, "asha")), ""},
		{"a mapping that is being deleted", terminating, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			expect(t, as(user).Delete(t.Context(), test.object, client.DryRunAll), test.want)
			for _, exempt := range []string{garbageCollector, controllerManager} {
				expect(t, as(exempt).Delete(t.Context(), test.object, client.DryRunAll), "")
			}
			if test.object.GetNamespace() != "" {
				expect(t, as(namespaceController).Delete(t.Context(), test.object, client.DryRunAll), "")
			}
		})
	}
}

func updateStatus(t *testing.T, obj client.Object) {
	t.Helper()
	NewWithT(t).Expect(as(operator).Status().Update(t.Context(), obj)).To(Succeed())
}

func TestDeletionOfACollectionIsRefused(t *testing.T) {
	create(t, receivingMapping(protected, "asha"))
	create(t, usedAccount(open, "acme"))
	expect(t, as(user).DeleteAllOf(t.Context(), &v1alpha1.AgentGroupMapping{}, client.InNamespace(protected), client.DryRunAll), mappingRefused)
	expect(t, as(user).DeleteAllOf(t.Context(), &v1alpha1.DeepCallAccount{}, client.InNamespace(open), client.DryRunAll), accountRefused)
	expect(t, as(user).DeleteAllOf(t.Context(), crd(""), client.DryRunAll), crdRefused)
}

// TestConfirmedDeletion runs the command of the refusal's message, and deletes the object then.
func TestConfirmedDeletion(t *testing.T) {
	for kind, object := range map[string]client.Object{
		"crd": crd("agentgroupmappings"),
		"dca": create(t, usedAccount(open, "acme")),
		"agm": create(t, receivingMapping(protected, "asha")),
	} {
		t.Run(kind, func(t *testing.T) {
			in := "--namespace=" + object.GetNamespace()
			remove := []string{"delete", kind, object.GetName(), "--dry-run=server", in}
			out, err := kubectl(remove...)
			_, command, found := strings.Cut(strings.TrimSpace(out), " first: ")
			if err == nil || !found {
				t.Fatalf("got %v: %s", err, out)
			}
			patch := mergePatch(`{"metadata":{"annotations":{"` + v1alpha1.ConfirmDeletionAnnotation + `":"false"}}}`)
			NewWithT(t).Expect(as(user).Patch(t.Context(), object, patch)).To(Succeed())
			if out, err := kubectl(remove...); err == nil {
				t.Errorf("another value confirms the deletion: %s", out)
			}
			if out, err := plane.Run("", "bash", "-c", command+" --overwrite"); err != nil {
				t.Fatalf("%s: %v: %s", command, err, out)
			}
			if out, err := kubectl(remove...); err != nil {
				t.Errorf("got %v: %s", err, out)
			}
			if out, err := kubectl("annotate", kind, object.GetName(), v1alpha1.ConfirmDeletionAnnotation+"-", in); err != nil {
				t.Fatal(out)
			}
			if out, err := kubectl(remove...); err == nil {
				t.Errorf("the deletion is not refused after the annotation was removed: %s", out)
			}
		})
	}
}
