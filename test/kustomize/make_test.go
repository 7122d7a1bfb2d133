package kustomize

import (
	"fmt"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("make", func() {
	const mapping = `
apiVersion: telephony.deepcall.com/v1alpha1
kind: AgentGroupMapping
metadata: {name: asha, namespace: default, finalizers: [telephony.deepcall.com/stop-calls]}
spec: {accountRef: {name: acme}, agentID: "7", groups: []}
`
	const account = `
apiVersion: telephony.deepcall.com/v1alpha1
kind: DeepCallAccount
metadata: {name: acme, namespace: default, finalizers: [telephony.deepcall.com/in-use]}
spec: {endpoint: "https://deepcall.example.com", credentialsSecretRef: {name: acme-deepcall}}
`
	run := func(args ...string) (string, error) {
		return run("", "make", append([]string{"--no-print-directory", "--old-file=bin/kustomize", "KUBECTL=" + plane.Kubectl}, args...)...)
	}
	mustRun := func(args ...string) string {
		GinkgoHelper()
		output, err := run(args...)
		Expect(err).NotTo(HaveOccurred())
		return output
	}

	It("deploys a custom image, and undeploys when no mapping is left", func() {
		before := build(filepath.Join(config, "default"))
		mustRun("deploy", "IMG=registry.example.com/team/operator@sha256:0000")
		Expect(kubectl("get", "deployments", "--namespace=deepcall-operator-system",
			"--output=jsonpath={.items[*].spec.template.spec.containers[*].image}")).To(Equal("registry.example.com/team/operator@sha256:0000"))
		Expect(build(filepath.Join(config, "default"))).To(Equal(before), "changes no file")

		kubectlWith(mapping, "apply", "--filename=-")
		for _, target := range []string{"undeploy", "uninstall"} {
			output, err := run(target)
			Expect(err).To(HaveOccurred())
			Expect(err).To(MatchError(MatchRegexp(`default +asha`)), output)
			Expect(err).To(MatchError(ContainSubstring("FORCE=1")))
		}
		kubectl("get", "deployment/deepcall-operator-controller-manager", "--namespace=deepcall-operator-system")

		kubectl("patch", "agm/asha", "--namespace=default", "--type=merge", `--patch={"metadata":{"finalizers":null}}`)
		kubectl("delete", "agm/asha", "--namespace=default")
		mustRun("undeploy")
		Expect(kubectl("get", "namespaces,crds,clusterroles", "--output=name")).NotTo(ContainSubstring("deepcall"))

		By("undeploying again, and uninstalling only the CRDs")
		mustRun("undeploy")
		mustRun("install")
		kubectl("wait", "--for=condition=Established", "--timeout=20s",
			"crd/agentgroupmappings.telephony.deepcall.com", "crd/deepcallaccounts.telephony.deepcall.com")
		mustRun("uninstall")
		Expect(kubectl("get", "crds", "--output=name")).NotTo(ContainSubstring("deepcall"))
	})

	It("undeploys with FORCE=1 and leaves a mapping in deletion", func() {
		mustRun("deploy")
		kubectlWith(mapping, "apply", "--filename=-")
		output := mustRun("undeploy", "FORCE=1")
		Expect(output).To(MatchRegexp(`default +asha`))
		kubectl("wait", "--for=delete", "--timeout=60s", "namespace/deepcall-operator-system")
		Expect(kubectl("get", "agm/asha", "--namespace=default", "--output=name")).To(ContainSubstring("asha"))
		kubectl("patch", "agm/asha", "--namespace=default", "--type=merge", `--patch={"metadata":{"finalizers":null}}`)
		kubectl("wait", "--for=delete", "--timeout=60s", "crd/agentgroupmappings.telephony.deepcall.com")
	})

	It("rejects undeploying while an account has a finalizer, unless the operator removes it soon", func() {
		mustRun("deploy")
		kubectlWith(account, "apply", "--filename=-")
		_, err := run("undeploy")
		Expect(err).To(MatchError(SatisfyAll(MatchRegexp(`default +acme`), ContainSubstring("telephony.deepcall.com/in-use"), ContainSubstring("FORCE=1"))))
		kubectl("get", "deployment/deepcall-operator-controller-manager", "--namespace=deepcall-operator-system")

		By("removing the finalizer after make has listed the accounts")
		mustRun("undeploy", "KUBECTL="+kubectlThatRemovesFinalizers())
		Expect(kubectl("get", "namespaces,crds,clusterroles", "--output=name")).NotTo(ContainSubstring("deepcall"))
	})

	It("undeploys with FORCE=1 and leaves an account in deletion", func() {
		mustRun("deploy")
		kubectlWith(account, "apply", "--filename=-")
		output := mustRun("undeploy", "FORCE=1")
		Expect(output).To(MatchRegexp(`default +acme`))
		kubectl("patch", "dca/acme", "--namespace=default", "--type=merge", `--patch={"metadata":{"finalizers":null}}`)
		kubectl("wait", "--for=delete", "--timeout=60s", "crd/deepcallaccounts.telephony.deepcall.com", "namespace/deepcall-operator-system")
	})

	It("writes all manifests to one file", func() {
		mustRun("build-installer", "IMG=example.com/operator:v9")
		file := filepath.Join(testenv.Root(), "dist", "install.yaml")
		written, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		Expect(objects(string(written))).To(HaveLen(len(objects(build(filepath.Join(config, "default"))))))
		Expect(object[appsv1.Deployment](string(written), "Deployment").Spec.Template.Spec.Containers[0].Image).To(Equal("example.com/operator:v9"))
	})
})

// kubectlThatRemovesFinalizers returns a kubectl that removes the finalizers of the account acme after listing the accounts.
func kubectlThatRemovesFinalizers() string {
	GinkgoHelper()
	program := filepath.Join(GinkgoT().TempDir(), "kubectl")
	text := fmt.Sprintf(`#!/usr/bin/env bash
%[1]s "$@" || exit
if [[ $2 == deepcallaccounts.* ]]; then
	%[1]s patch dca/acme --namespace=default --type=merge --patch='{"metadata":{"finalizers":null}}' >&2
fi
`, plane.Kubectl)
	Expect(os.WriteFile(program, []byte(text), 0o700)).To(Succeed())
	return program
}
