package controller_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

const (
	configMapKind = v1alpha1.CABundleKindConfigMap
	secretKind    = v1alpha1.CABundleKindSecret
)

var _ = Describe("R13: a CA bundle in a ConfigMap or Secret", func() {
	DescribeTable("is awaited, and a rotated one is used from the next request on, without an edit",
		func(kind v1alpha1.CABundleKind) {
			env := newEmptyTestEnv()
			first, second := testenv.NewCA("first"), testenv.NewCA("second")
			server := startSecure(env.deepcall, first)
			env.start()
			env.create(testenv.UserToken("acme", "1001", "s3cr3t"))
			env.create(testenv.Account("acme", server.URL).CABundle(kind, "corp-ca").Build())
			env.create(testenv.Mapping("asha").Group("90", true).Build())
			env.waitForAccount("acme", "Ready=False CABundleNotFound Reconciling")
			Expect(observe(env.account("acme")).message).To(Equal(`There is no CA bundle in the key "ca.crt" of the ` + string(kind) + ` "corp-ca": ` +
				"the " + string(kind) + " does not exist in this namespace; add the CA's certificates in PEM form, or correct spec.caBundleRef"))
			env.waitFor("asha", "Ready=False AccountNotReady Reconciling")

			By("creating the object without the bundle")
			env.create(bundleObject(kind, "other.crt", first.Bundle()))
			Eventually(func() string { return observe(env.account("acme")).message }).Should(ContainSubstring("the key does not exist, or is empty"))
			env.setBundle(kind, []byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
			env.waitForAccount("acme", "Ready=False InvalidCABundle Stalled")
			Expect(observe(env.account("acme")).message).To(HavePrefix(`The CA bundle in the key "ca.crt" of the ` + string(kind) + ` "corp-ca" can't be read at certificate 1: `))
			env.expectRequests(0)
			env.setBundle(kind, first.Bundle())
			env.waitForSynced("asha")
			env.waitForAccount("acme", "Ready=True Usable")
			env.expectRequests(1)

			By("rotating the CA")
			server.use(second)
			env.editAndWait("asha", addGroup("91"), "Ready=False TLSFailed Reconciling")
			env.setBundle(kind, second.Bundle())
			env.waitForSynced("asha")
			env.expectRequests(2)

			By("removing the first CA, which the server no longer uses, and which is no change to send")
			env.setBundle(kind, append(second.Bundle(), testenv.NewCA("third").Bundle()...))
			env.expectRequests(2)
			server.use(first)
			env.editAndWait("asha", addGroup("92"), "Ready=False TLSFailed Reconciling")
			env.expectRequests(2)
		},
		Entry(nil, configMapKind),
		Entry(nil, secretKind),
	)

	It("is tried at once after a correction if the account is unreachable", func() {
		env := newEmptyTestEnv()
		trusted := testenv.NewCA("trusted")
		server := startSecure(env.deepcall, trusted)
		env.create(bundleObject(configMapKind, "ca.crt", testenv.NewCA("outdated").Bundle()))
		env.start()
		env.createAccount(testenv.Account("acme", server.URL).CABundle(configMapKind, "corp-ca"))
		env.createMappings("acme", 6)
		env.waitForAccount("acme", "Ready=False Unreachable Reconciling")
		env.expectRequests(0)
		env.setBundle(configMapKind, trusted.Bundle())
		Eventually(func() int { return env.countMappings("acme", "Ready=True Synced") }).Should(Equal(6))
		env.waitForAccount("acme", "Ready=True Usable")
		env.expectRequests(6)
	})

	DescribeTable("is used for removals when it is deleted with everything else (R6)", func(kind v1alpha1.CABundleKind, order ...string) {
		env := newEmptyTestEnv()
		ca := testenv.NewCA("trusted")
		server := startSecure(env.deepcall, ca)
		bundle := bundleObject(kind, "ca.crt", ca.Bundle())
		env.create(bundle)
		env.start()
		env.createAccount(testenv.Account("acme", server.URL).CABundle(kind, "corp-ca"))
		objects := map[string]client.Object{
			"bundle": bundle, "Secret": env.secret(), "account": env.account("acme"),
			"mapping": env.createSynced(testenv.Mapping("asha").Group("90", true)),
		}
		for _, name := range order {
			env.delete(objects[name])
			if name == "bundle" {
				Eventually(func() string { return observe(env.account("acme")).message }).Should(ContainSubstring("There is no CA bundle"))
			}
		}
		env.waitForDeletion("asha")
		env.waitForAccountDeletion("acme")
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		env.expectRequests(2)
	},
		Entry(nil, configMapKind, "bundle", "Secret", "account", "mapping"),
		Entry(nil, configMapKind, "account", "bundle", "mapping"),
		Entry(nil, secretKind, "bundle", "mapping", "account"),
	)

	It("holds only its own account without the permission to read ConfigMaps, which no other account needs", func() {
		env := newEmptyTestEnv()
		env.transport.rejectReads("/configmaps")
		ca := testenv.NewCA("trusted")
		server := startSecure(env.deepcall, ca)
		env.create(bundleObject(configMapKind, "ca.crt", ca.Bundle()))
		env.setup()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		Expect(env.transport.readsOf("/configmaps")).To(BeZero(), "reads without a reference")

		env.create(testenv.UserToken("corp", "1001", "s3cr3t"))
		env.create(testenv.Account("corp", server.URL).CABundle(configMapKind, "corp-ca").Build())
		env.create(testenv.Mapping("ben").Account("corp").Agent("8").Group("90", true).Build())
		env.waitForAccount("corp", "Ready=False CABundleForbidden Stalled")
		env.waitFor("ben", "Ready=False AccountNotReady Reconciling")
		env.editSynced("asha", addGroup("91"))
		env.expectRequests(2)

		By("granting the permission")
		env.transport.rejectReads()
		env.requestAccountReconcile("corp", "now") // instead of the retry after a minute
		env.waitForSynced("ben")
		env.setBundle(configMapKind, []byte("none"))
		env.waitForAccount("corp", "Ready=False InvalidCABundle Stalled")
		env.expectRequests(3)
	})
})

// bundleObject returns the object corp-ca with one key.
func bundleObject(kind v1alpha1.CABundleKind, key string, value []byte) client.Object {
	meta := metav1.ObjectMeta{Name: "corp-ca"}
	if kind == secretKind {
		return &corev1.Secret{ObjectMeta: meta, Data: map[string][]byte{key: value}}
	}
	return &corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{key: string(value)}}
}

// setBundle sets the key ca.crt of the object corp-ca.
func (e *testEnv) setBundle(kind v1alpha1.CABundleKind, value []byte) {
	GinkgoHelper()
	object := bundleObject(kind, "ca.crt", value)
	object.SetNamespace(e.namespace)
	Expect(k8sClient.Update(ctx, object)).To(Succeed())
}

// secureServer serves a handler with a certificate of a CA.
type secureServer struct {
	*httptest.Server
	certificate atomic.Pointer[tls.Certificate]
}

func startSecure(handler http.Handler, ca *testenv.CA) *secureServer {
	GinkgoHelper()
	s := &secureServer{Server: httptest.NewUnstartedServer(handler)}
	s.use(ca)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{
		SessionTicketsDisabled: true, // each connection verifies the certificate
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{SessionTicketsDisabled: true, Certificates: []tls.Certificate{*s.certificate.Load()}}, nil
		},
	}
	s.StartTLS()
	DeferCleanup(s.Close)
	return s
}

// use makes the server use a certificate of another CA.
func (s *secureServer) use(ca *testenv.CA) { s.certificate.Store(new(ca.Issue())) }
