package kustomize

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

const prefixed = `
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namePrefix: staging-
resources: [objects.yaml]
secretGenerator:
  - name: acme-deepcall
    literals: [userId=1001, token=s3cr3t]
  - name: deepcall-ca
    literals: [ca.crt=PEM]
configMapGenerator:
  - name: corp-ca
    literals: [ca.crt=PEM]
configurations: [name_references.yaml]
`

const objectsWithReferences = `
apiVersion: telephony.deepcall.com/v1alpha1
kind: DeepCallAccount
metadata: {name: acme}
spec: {endpoint: "https://v4-api.deepcall.com", credentialsSecretRef: {name: acme-deepcall}, caBundleRef: {kind: KIND, name: BUNDLE}}
---
apiVersion: telephony.deepcall.com/v1alpha1
kind: AgentGroupMapping
metadata: {name: asha}
spec: {accountRef: {name: acme}, agentID: "7", groups: [{groupID: "90", receiveCall: true}]}
`

var _ = Describe("The name references", func() {
	DescribeTable("follow a prefix and the hash of a generated Secret or ConfigMap", func(kind, bundle string) {
		folder := GinkgoT().TempDir()
		references, err := os.ReadFile(filepath.Join(config, "kustomize", "name_references.yaml"))
		Expect(err).NotTo(HaveOccurred())
		objectsText := strings.NewReplacer("KIND", kind, "BUNDLE", bundle).Replace(objectsWithReferences)
		for name, text := range map[string]string{
			"kustomization.yaml": prefixed, "objects.yaml": objectsText, "name_references.yaml": string(references),
		} {
			Expect(os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600)).To(Succeed())
		}
		output := build(folder)
		account := object[v1alpha1.DeepCallAccount](output, "DeepCallAccount")
		Expect(objects(output)).To(HaveKey("Secret/" + account.Spec.CredentialsSecretRef.Name))
		Expect(account.Spec.CredentialsSecretRef.Name).To(MatchRegexp("^staging-acme-deepcall-[a-z0-9]{10}$"))
		Expect(objects(output)).To(HaveKey(kind + "/" + account.Spec.CABundleRef.Name))
		Expect(account.Spec.CABundleRef.Name).To(MatchRegexp("^staging-" + bundle + "-[a-z0-9]{10}$"))
		Expect(object[v1alpha1.AgentGroupMapping](output, "AgentGroupMapping").Spec.AccountRef.Name).To(Equal(account.Name))
	},
		Entry(nil, "ConfigMap", "corp-ca"),
		Entry(nil, "Secret", "deepcall-ca"),
	)
})
