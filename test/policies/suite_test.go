// Package policies tests the policies of config/policies with an API server. test/chart tests them with the manager.
package policies

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

const (
	user                = "asha@example.com"
	operator            = "system:serviceaccount:telephony:calls-deepcall-operator-controller-manager"
	namespaceController = "system:serviceaccount:kube-system:namespace-controller"
	garbageCollector    = "system:serviceaccount:kube-system:generic-garbage-collector"
	controllerManager   = "system:kube-controller-manager"

	// protected is a namespace with the label of protected namespaces, and open one without it.
	protected = "protected"
	open      = "open"
)

var (
	plane  *testenv.ControlPlane
	scheme = runtime.NewScheme()
)

func TestMain(m *testing.M) { testenv.Main(m, run) }

func run(m *testing.M) (code int, err error) {
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return 1, err
	}
	if plane, err = testenv.Start(); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	ctx := context.Background()
	for name, labels := range map[string]map[string]string{protected: {v1alpha1.ProtectedLabel: "true"}, open: nil} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
		if err := as(operator).Create(ctx, namespace); err != nil {
			return 1, fmt.Errorf("create the namespace %s: %w", name, err)
		}
	}
	if out, err := kubectl("apply", "--server-side", "--force-conflicts", "-k", "testdata"); err != nil {
		return 1, fmt.Errorf("apply testdata: %w: %s", err, out)
	}
	if err := waitUntilEnforced(ctx); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// waitUntilEnforced waits until the API server enforces all policies.
func waitUntilEnforced(ctx context.Context) error {
	used, receiving := usedAccount(protected, "probe"), receivingMapping(protected, "probe")
	if err := errors.Join(as(operator).Create(ctx, used), as(operator).Create(ctx, receiving)); err != nil {
		return fmt.Errorf("create the objects: %w", err)
	}
	copied := receivingMapping(open, "copied")
	copied.Finalizers = []string{v1alpha1.StopCallsFinalizer}
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		return apierrors.IsForbidden(as(user).Delete(ctx, crd("deepcallaccounts"), client.DryRunAll)) &&
			apierrors.IsForbidden(as(user).Delete(ctx, used, client.DryRunAll)) &&
			apierrors.IsForbidden(as(user).Delete(ctx, receiving, client.DryRunAll)) &&
			apierrors.IsForbidden(as(user).Create(ctx, copied.DeepCopy(), client.DryRunAll)), nil
	})
}

// as returns a client of a user with all permissions.
func as(name string) client.Client {
	config := rest.CopyConfig(plane.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: []string{"system:masters"}}
	impersonating, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		panic(err)
	}
	return impersonating
}

func usedAccount(namespace, name string) *v1alpha1.DeepCallAccount {
	account := testenv.Account(name, "https://v4-api.deepcall.com").In(namespace).Build()
	account.Finalizers = []string{v1alpha1.InUseFinalizer}
	return account
}

func receivingMapping(namespace, name string) *v1alpha1.AgentGroupMapping {
	return testenv.Mapping(name).In(namespace).Group("90", false).Group("91", true).Build()
}

func crd(plural string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion("apiextensions.k8s.io/v1")
	object.SetKind("CustomResourceDefinition")
	object.SetName(plural + "." + v1alpha1.GroupVersion.Group)
	return object
}

// create creates an object as the operator until the test ends.
func create[T client.Object](t *testing.T, obj T) T {
	t.Helper()
	obj.SetGenerateName(obj.GetName() + "-")
	obj.SetName("")
	NewWithT(t).Expect(as(operator).Create(t.Context(), obj)).To(Succeed())
	t.Cleanup(func() {
		obj.SetResourceVersion("")
		err := as(operator).Patch(context.Background(), obj, mergePatch(`{"metadata":{"finalizers":null}}`))
		if err == nil {
			err = as(namespaceController).Delete(context.Background(), obj)
		}
		if client.IgnoreNotFound(err) != nil {
			t.Error(err)
		}
	})
	return obj
}

func mergePatch(text string) client.Patch { return client.RawPatch(types.MergePatchType, []byte(text)) }

// expect expects that err is a refusal whose message contains want, or nil if want is empty.
func expect(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("got %v, want no refusal", err)
	case want != "" && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want a refusal: %s", err, want)
	}
}

// kubectl runs kubectl as an administrator and returns its output.
func kubectl(args ...string) (string, error) { return plane.Run("", plane.Kubectl, args...) }
