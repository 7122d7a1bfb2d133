package plugin

import (
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// operatorObjects are those of a running operator in the namespace ops, which watches check-all and check-lost.
const operatorObjects = `
kubectl create namespace ops
kubectl create namespace check-lost
kubectl apply -f - <<END
apiVersion: apps/v1
kind: Deployment
metadata:
  name: operator
  namespace: ops
  labels: &labels {app.kubernetes.io/name: deepcall-operator, control-plane: controller-manager}
spec:
  selector: {matchLabels: *labels}
  template:
    metadata: {labels: *labels}
    spec:
      serviceAccountName: manager
      containers:
        - {name: manager, image: "ghcr.io/deepcall/deepcall-operator:v0.1.0", args: [--leader-elect, "--watch-namespaces=check-all,check-lost"]}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: deepcall-operator.telephony.deepcall.com, namespace: ops}
spec: {holderIdentity: pod-1, leaseDurationSeconds: 3600, renewTime: "$(date -u +%FT%T.000000Z)"}
END
kubectl patch deployment operator -n ops --subresource=status --type=merge \
  -p '{"status":{"observedGeneration":1,"replicas":1,"readyReplicas":1,"updatedReplicas":1}}'
kubectl create role manager -n check-all --verb=list --resource=agentgroupmappings.telephony.deepcall.com,deepcallaccounts.telephony.deepcall.com,secrets
kubectl create rolebinding manager -n check-all --role=manager --serviceaccount=ops:manager
`

var _ = Describe("kubectl deepcall check", func() {
	It("names the namespace in which the operator lacks its RoleBinding", func() {
		u := newUser("check-all")
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		u.createMapping(testenv.Mapping("ben").Agent("8").Group("99", true), "InvalidGroupData")
		DeferCleanup(func() { u.mustRun("kubectl delete deployment,lease --all -n ops") })
		u.mustRun("%s", operatorObjects)

		got := u.run("kubectl deepcall check")
		Expect(got.err).To(BeEmpty())
		Expect(got.out).To(And(
			MatchRegexp(`(?m)^ok +Kubernetes +v1\.\d+\.\d+`),
			MatchRegexp(`(?m)^ok +CRDs +both kinds are served as telephony.deepcall.com/v1alpha1$`),
			MatchRegexp(`(?m)^ok +CRDs +the fields are those of this plugin$`),
			MatchRegexp(`(?m)^ok +CRD agentgroupmappings.telephony.deepcall.com +stored as v1alpha1$`),
			MatchRegexp(`(?m)^ok +operator ops/operator +v0.1.0, 1 of 1 replicas ready$`),
			MatchRegexp(`(?m)^ok +leader ops/deepcall-operator.telephony.deepcall.com +pod-1, renewed \d+s ago$`),
			MatchRegexp(`(?m)^error +operator's rights check-lost +ServiceAccount ops/manager can't list agentgroupmappings, deepcallaccounts, secrets\n +-> The cluster's administrator binds`),
			MatchRegexp(`(?m)^not checked +plugin .*operator v0.1.0: a version that is no release can't be compared$`),
			MatchRegexp(`(?m)^ok +your rights +you can read and change mappings and accounts in namespace check-all$`),
			MatchRegexp(`(?m)^ok +account check-all/acme +Usable: `),
			MatchRegexp(`(?m)^ok +mappings +1 of 2 mappings Ready\nwarning +mappings +InvalidGroupData: 1 mapping: check-all/ben\n +-> The mapping's owner corrects spec.groups`),
			Not(ContainSubstring("operator's rights check-all"))))
		Expect(got.status).To(Equal(1))

		By("succeeding once the RoleBinding exists")
		u.mustRun("kubectl create role manager -n check-lost --verb=list --resource=agentgroupmappings.telephony.deepcall.com,deepcallaccounts.telephony.deepcall.com,secrets &&" +
			"kubectl create rolebinding manager -n check-lost --role=manager --serviceaccount=ops:manager")
		Expect(u.mustRun("kubectl deepcall check")).To(MatchRegexp(`(?m)^ok +operator's rights ops/operator +reads check-all, check-lost$`))
	})

	It("names the missing rights with the role view of a namespace", func() {
		u := newUser("check-view")
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		u.bindView("viewer")
		out := u.mustRun("kubectl deepcall check --operator-namespace ops --as viewer -o json")
		var document struct {
			OK     bool
			Checks []struct{ Check, Object, State, Message string }
		}
		Expect(json.Unmarshal([]byte(out), &document)).To(Succeed())
		Expect(document.OK).To(BeTrue())
		notChecked := map[string]string{}
		for _, c := range document.Checks {
			if c.State == "not checked" {
				notChecked[c.Check] = c.Message
			}
		}
		delete(notChecked, "plugin")
		Expect(notChecked).To(Equal(map[string]string{
			"CRD versions": "needs the right to get customresourcedefinitions",
			"operator":     "needs the right to list deployments in namespace ops",
			"leader":       "needs the right to list leases in namespace ops",
		}))
		Expect(out).To(ContainSubstring("you can read mappings and accounts in namespace check-view, but can't create agentgroupmappings"))
	})

	It("reports accounts that can't be used, and what a stranger can't read", func() {
		u := newUser("check-stranger")
		u.mustRun("kubectl delete secret acme-deepcall && kubectl wait dca acme --for=condition=Ready=False --timeout=20s")
		got := u.run("kubectl deepcall check")
		Expect(got.status).To(Equal(1))
		Expect(got.out).To(MatchRegexp(`(?m)^error +account check-stranger/acme +SecretNotFound: .*\n +-> The account's owner creates the Secret`))
		got = u.run("kubectl deepcall check --as stranger")
		Expect(got.status).To(Equal(1))
		Expect(got.out).To(And(
			MatchRegexp(`(?m)^error +your rights +you can't get agentgroupmappings, .* in namespace check-stranger$`),
			MatchRegexp(`(?m)^not checked +accounts +needs the right to list deepcallaccounts in namespace check-stranger$`),
			MatchRegexp(`(?m)^not checked +mappings +needs the right to list agentgroupmappings in namespace check-stranger$`)))
	})
})
