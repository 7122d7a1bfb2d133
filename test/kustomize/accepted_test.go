package kustomize

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

var _ = Describe("The kustomizations", func() {
	var folders []string
	Expect(filepath.WalkDir(config, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "kustomization.yaml" {
			folders = append(folders, filepath.Dir(path))
		}
		return err
	})).To(Succeed())

	for _, folder := range folders {
		name := strings.TrimPrefix(folder, filepath.Dir(config)+"/")
		text, err := os.ReadFile(filepath.Join(folder, "kustomization.yaml"))
		Expect(err).NotTo(HaveOccurred())

		It("include all files of "+name, func() {
			files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
			Expect(err).NotTo(HaveOccurred())
			for _, file := range files {
				if filepath.Base(file) != "kustomization.yaml" {
					Expect(string(text)).To(ContainSubstring(filepath.Base(file)))
				}
			}
		})

		if strings.Contains(string(text), "kind: Component") {
			continue
		}
		It("build the same objects with kustomize and kubectl: "+name, func() {
			Expect(kubectl("kustomize", folder)).To(Equal(build(folder)))
		})
	}
})

var _ = Describe("The API server accepts", Ordered, func() {
	BeforeAll(func() {
		kubectl("apply", "--server-side", "-k", filepath.Join(config, "crd"))
		kubectl("wait", "--for=condition=Established", "--timeout=20s", "crd", "--all")
	})

	expectAccepted := func(folder string, flags ...string) {
		GinkgoHelper()
		text := build(folder)
		flags = append(flags, "--filename=-")
		apply := append([]string{"apply", "--server-side", "--validate=strict"}, flags...)
		for _, object := range objects(text) {
			if object.GetKind() == "Namespace" { // a dry run doesn't create it for the other objects
				kubectl("create", "namespace", object.GetName())
			}
		}
		kubectlWith(text, append(apply, "--dry-run=server")...)
		kubectlWith(text, apply...)
		kubectlWith(text, apply...) // stores the default status
		for _, object := range objects(text) {
			if object.Object["type"] == string(corev1.SecretTypeServiceAccountToken) {
				kubectl("wait", "secret/"+object.GetName(), "--namespace="+object.GetNamespace(), "--for=jsonpath={.data.token}", "--timeout=20s")
			}
		}
		versions := append([]string{"get", "--output=jsonpath={.items[*].metadata.resourceVersion}"}, flags...)
		before := kubectlWith(text, versions...)
		kubectlWith(text, apply...)
		Expect(kubectlWith(text, versions...)).To(Equal(before), "applying again changes nothing")
		// A token's Secret is deleted with its ServiceAccount.
		DeferCleanup(func() {
			kubectlWith(text, append([]string{"delete", "--ignore-not-found", "--timeout=60s"}, flags...)...)
		})
	}

	It("config/samples", func() {
		kubectl("create", "namespace", "samples")
		expectAccepted(filepath.Join(config, "samples"), "--namespace=samples")
		Expect(kubectl("get", "agm,dca,secrets", "--namespace=samples", "--output=name")).To(Equal(
			"agentgroupmapping.telephony.deepcall.com/asha\ndeepcallaccount.telephony.deepcall.com/acme\nsecret/acme-deepcall\n"))
	})

	It("config/namespaced/watched", func() {
		kubectl("create", "namespace", "watched")
		expectAccepted(filepath.Join(config, "namespaced", "watched"), "--namespace=watched")
	})

	It("config/default with Prometheus, a network policy and a standby replica", func() {
		expectAccepted(filepath.Join("test", "kustomize", "testdata", "full"))
	})

	It("config/namespaced with the same options, in another namespace", func() {
		expectAccepted(filepath.Join("test", "kustomize", "testdata", "namespaced"))
	})
})

var _ = Describe("The manager's pod", func() {
	It("meets the Pod Security Standard restricted", func() {
		namespace := object[corev1.Namespace](build(filepath.Join(config, "default")), "Namespace")
		Expect(namespace.Labels).To(HaveKeyWithValue("pod-security.kubernetes.io/enforce", "restricted"))
		kubectl("create", "namespace", "restricted")
		kubectl("label", "namespace", "restricted", "pod-security.kubernetes.io/enforce=restricted")
		create := func(pod *corev1.Pod) error {
			text, err := json.Marshal(pod)
			Expect(err).NotTo(HaveOccurred())
			_, err = run(string(text), plane.Kubectl, "create", "--namespace=restricted", "--filename=-")
			return err
		}

		for _, folder := range []string{"default", "namespaced"} {
			template := object[appsv1.Deployment](build(filepath.Join(config, folder)), "Deployment").Spec.Template
			pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
			pod.APIVersion, pod.Kind, pod.Name = "v1", "Pod", folder
			Expect(create(pod)).To(Succeed())

			By("rejecting another Pod")
			pod.Name = "other"
			pod.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation = new(true)
			Expect(create(pod)).To(MatchError(ContainSubstring(`violates PodSecurity "restricted`)))
		}
	})
})
