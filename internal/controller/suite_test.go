package controller_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var (
	ctx          = context.Background()
	controlPlane *testenv.ControlPlane
	scheme       = runtime.NewScheme()
	k8sClient    client.Client
)

func TestSpecs(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Controller")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(15 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	SetDefaultConsistentlyDuration(time.Second)
	ctrl.SetLogger(logr.Discard())
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	var err error
	controlPlane, err = testenv.Start()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(controlPlane.Stop()).To(Succeed()) })
	k8sClient, err = client.New(controlPlane.Config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
})

// semantics is how the simulated DeepCall of the current spec handles groups that a request omits.
var semantics = deepcalltest.Merge

// describeForAllSemantics describes behavior that does not depend on how DeepCall handles omitted groups.
func describeForAllSemantics(text string, body func()) bool {
	for _, s := range []deepcalltest.Semantics{deepcalltest.Merge, deepcalltest.Replace} {
		Describe(text+", with semantics "+string(s), func() {
			BeforeEach(func() {
				semantics = s
				DeferCleanup(func() { semantics = deepcalltest.Merge })
			})
			body()
		})
	}
	return true
}
