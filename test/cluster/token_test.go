//go:build cluster

package cluster

import (
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// A release whose Pods have tokens that expire after ten minutes runs from the start of the tests, so that its test waits
// only for the rest of that time. It is idle until then.
const (
	tokenNamespace = "short-token"
	tokenValues    = `
watchNamespaces: [short-token]
extraVolumes:
- name: token
  projected:
    sources:
    - serviceAccountToken: {path: token, expirationSeconds: 600}
    - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
    - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
extraVolumeMounts:
- {name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
`
)

var (
	tokenTeam  team
	tokenStart time.Time
)

// startShortToken installs the release with a mapping.
func startShortToken() {
	GinkgoHelper()
	createNamespace(tokenNamespace)
	values := filepath.Join(GinkgoT().TempDir(), "values.yaml")
	Expect(os.WriteFile(values, []byte(tokenValues), 0o600)).To(Succeed())
	deployIn(tokenNamespace, tokenNamespace, "install", currentChart, "test", "--values="+values)
	tokenTeam = newTeamIn(tokenNamespace)
	tokenTeam.declare(1)
	tokenTeam.expectReady(1)
	tokenStart = time.Now()
}

func describeShortTokens() {
	It("tokens that expire after 10 minutes are replaced in time", func() {
		DeferCleanup(func() {
			tokenTeam.removeObjects()
			helm("uninstall", tokenNamespace, "--namespace="+tokenNamespace, "--wait")
			deleteNamespace(tokenNamespace)
		})
		Eventually(func() time.Duration { return time.Since(tokenStart) }, 12*time.Minute, time.Second).
			Should(BeNumerically(">", 11*time.Minute))
		resetSimulator()
		tokenTeam.expectEditSent(1)
		Expect(requests()).To(HaveLen(1))
		Expect(restarts(tokenNamespace)).To(BeZero())
	})
}
