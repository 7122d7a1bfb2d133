package e2e

import (
	"context"
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

var _ = Describe("A mapping", func() {
	It("sends exactly one POST with the documented body and becomes Ready", func() {
		env := newTestEnv()
		startManager()
		env.applySynced("asha", "7", "90=Y", "91=N", "92=Y")

		requests := env.deepcall.Requests()
		Expect(requests).To(HaveLen(1))
		Expect(requests[0].Method).To(Equal(http.MethodPost))
		Expect(requests[0].ContentLength).To(BeEquivalentTo(len(requests[0].Body)))
		Expect(string(requests[0].Body)).To(Equal(
			`{"userId":"1001","token":"s3cr3t","agentId":"7","group":{"90":{"receive_call":"Y"},"91":{"receive_call":"N"},"92":{"receive_call":"Y"}}}`))
		Expect(env.kubectl("get", "agm", "asha")).To(MatchRegexp(`asha +7 +2/3 +True +Synced +\d+s +\d+s`))
		env.waitForReason("dca/acme", "Usable")
		Eventually(env.kubectl).WithArguments("get", "dca", "acme").Should(MatchRegexp(`acme +http://\S+ +1 +True +Usable +\d+s`))
		Consistently(env.deepcall.Requests).Should(HaveLen(1))
	})

	It("becomes Ready within a second", func() {
		env := newTestEnv()
		startManager()
		env.apply(env.secret(), env.account())
		best := time.Hour
		for _, agent := range []string{"7", "8", "9"} {
			took := env.timeToReady("agent-"+agent, agent)
			AddReportEntry("Time to Ready", fmt.Sprintf("%d ms", took.Milliseconds()))
			best = min(best, took)
		}
		Expect(best).To(BeNumerically("<", time.Second), "the fastest of three, because the machine can be busy")
	})

	It("sends one request for an edit, with N for removed groups", func() {
		env := newTestEnv()
		startManager()
		env.applySynced("asha", "7", "90=Y", "91=Y")
		env.apply(env.mapping("asha", "7", "90=N", "92=Y"))
		env.kubectl("wait", "agm/asha", "--timeout=20s", "--for=jsonpath={.status.receiving}=1/2")
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N", "91": "N", "92": "Y"}))
		Consistently(env.deepcall.Requests).Should(HaveLen(2))
	})

	It("keeps the labels, annotations and finalizers of others", func() {
		env := newTestEnv()
		startManager()
		env.applySynced("asha", "7", "90=Y")
		env.kubectl("label", "agm/asha", "team=support")
		env.kubectl("annotate", "agm/asha", "note=ask Priya")
		env.kubectl("patch", "agm/asha", "--type=json", `--patch=[{"op":"add","path":"/metadata/finalizers/-","value":"example.com/other"}]`)
		env.apply(env.mapping("asha", "7", "90=N", "91=Y"))
		env.waitForReason("agm/asha", "Synced")
		env.kubectl("patch", "agm", "asha", "--type=merge", `--patch={"spec":{"removalPolicy":"Orphan"}}`)
		Eventually(env.kubectl).WithArguments("get", "agm", "asha", "-o=jsonpath={.metadata.finalizers}").Should(Equal(`["example.com/other"]`))
		Expect(env.kubectl("get", "agm", "asha", "-o=jsonpath={.metadata.labels.team}, {.metadata.annotations.note}")).
			To(Equal("support, ask Priya"))
		Expect(env.kubectl("get", "agm", "asha", "-o=jsonpath={.metadata.annotations}")).To(ContainSubstring("last-applied-configuration"))
		env.kubectl("patch", "agm", "asha", "--type=merge", `--patch={"metadata":{"finalizers":null}}`)
	})

	It("reports a rejected request and recovers", func() {
		env := newTestEnv()
		startManager()
		env.deepcall.Script(deepcalltest.Code(1505).ForAgent("7"))
		env.apply(env.secret(), env.account(), env.mapping("asha", "7", "90=Y"))
		env.waitForReason("agm/asha", "InvalidGroupData")
		Expect(env.kubectl("get", "agm", "asha", "-o", "wide")).To(ContainSubstring("DeepCall error 1505: Invalid group data"))
		Eventually(env.kubectl).WithArguments("events", "--for=agm/asha").Should(MatchRegexp("Warning +InvalidGroupData .*DeepCall error 1505"))
		env.kubectl("annotate", "agm/asha", v1alpha1.ReconcileRequestedAtAnnotation+"=now")
		env.waitForReason("agm/asha", "Synced")
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
	})
})

var _ = Describe("Deletion with kubectl", func() {
	It("of the Secret, the account and the mappings at the same time sends N for every group", func() {
		env := newTestEnv()
		startManager()
		everything := env.secret() + env.account()
		for _, agent := range []string{"7", "8", "9"} {
			everything += env.mapping("agent-"+agent, agent, "90=Y", "91=N")
		}
		env.apply(everything)
		env.kubectl("wait", "agm", "--all", "--for=condition=Ready", "--timeout=20s")
		env.kubectlWithInput(everything, "delete", "-f-", "--timeout=30s")
		for _, agent := range []string{"7", "8", "9"} {
			Expect(env.deepcall.Agent(agent)).To(Equal(map[string]string{"90": "N", "91": "N"}))
		}
		Expect(env.kubectl("get", "deepcall,secrets")).To(HavePrefix("No resources found"))
	})

	It("of a mapping without credentials reports the cause and ends after a change to Orphan", func() {
		env := newTestEnv()
		m := startManager()
		env.applySynced("asha", "7", "90=Y")
		m.stop()
		env.kubectl("delete", "secret", "acme-deepcall")
		startManager()
		env.kubectl("delete", "agm", "asha", "--wait=false")
		env.waitForReason("agm/asha", "AccountNotReady")
		Expect(env.kubectl("get", "agm", "asha", "-o=jsonpath={.status.conditions[*].message}")).To(ContainSubstring("Orphan"))
		env.kubectl("patch", "agm", "asha", "--type=merge", `--patch={"spec":{"removalPolicy":"Orphan"}}`)
		env.kubectl("wait", "agm/asha", "--for=delete", "--timeout=20s")
		Expect(env.deepcall.Requests()).To(HaveLen(1))
	})
})

// timeToReady applies a mapping and returns the time from its creation in the API server until it is Ready.
func (env *testEnv) timeToReady(name, agent string) time.Duration {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	watch, err := admin.Watch(ctx, &v1alpha1.AgentGroupMappingList{},
		client.InNamespace(env.namespace), client.MatchingFields{"metadata.name": name})
	Expect(err).NotTo(HaveOccurred())
	defer watch.Stop()
	took := make(chan time.Duration, 1)
	go func() {
		defer close(took)
		var applied time.Time
		for event := range watch.ResultChan() {
			mapping, ok := event.Object.(*v1alpha1.AgentGroupMapping)
			if ok && applied.IsZero() {
				applied = time.Now()
			}
			if ok && meta.IsStatusConditionTrue(mapping.Status.Conditions, v1alpha1.ConditionReady) {
				took <- time.Since(applied)
				return
			}
		}
	}()
	env.apply(env.mapping(name, agent, "90=Y", "91=N", "92=Y"))
	var result time.Duration
	Eventually(took).Should(Receive(&result), name+" is not Ready")
	return result
}
