package controller_test

import (
	"fmt"
	"slices"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// sight is what a person sees of a mapping or an account at one moment.
type sight struct {
	conditions string // in a line, such as "Ready=False InvalidGroupData Stalled"
	message    string // of the conditions, which all say the same
	answer     string // DeepCall's last one, such as "1505 Invalid group data"
	uncertain  bool
}

// synced is the sight of a mapping that DeepCall confirmed.
var synced = sight{
	conditions: "Ready=True Synced",
	message:    "DeepCall confirmed the declared groups",
	answer:     "200 Agent group mapping updated successfully",
}

// lookAt is the present sight of an object; none while its status is of an older generation.
func lookAt(object runtime.Object) sight {
	switch o := object.(type) {
	case *v1alpha1.AgentGroupMapping:
		return look(o.Generation, o.Status.ObservedGeneration, o.Status.Conditions, o.Status.LastResponse, o.Status.Uncertain)
	case *v1alpha1.DeepCallAccount:
		return look(o.Generation, o.Status.ObservedGeneration, o.Status.Conditions, o.Status.LastResponse, false)
	}
	return sight{}
}

func look(generation, observed int64, list []metav1.Condition, last *v1alpha1.LastResponse, uncertain bool) sight {
	ready := meta.FindStatusCondition(list, v1alpha1.ConditionReady)
	if generation != observed || ready == nil {
		return sight{}
	}
	s := sight{conditions: conditions(generation, list), message: ready.Message, uncertain: uncertain}
	for _, other := range list {
		if other.Message != ready.Message || other.Reason != ready.Reason {
			s.message += fmt.Sprintf("; but %s says %s: %s", other.Type, other.Reason, other.Message)
		}
	}
	if last != nil {
		s.answer = fmt.Sprintf("%d %s", last.Code, last.Message)
	}
	return s
}

// diary holds every sight of each mapping and account of a world, in their order. It misses none,
// however short.
type diary struct {
	mu    sync.Mutex
	pages map[string][]sight
}

// keepDiary begins a diary; call it before the world has any object.
func keepDiary(w *world) *diary {
	GinkgoHelper()
	d := &diary{pages: map[string][]sight{}}
	watcher, err := client.NewWithWatch(plane.Config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	for _, list := range []client.ObjectList{&v1alpha1.AgentGroupMappingList{}, &v1alpha1.DeepCallAccountList{}} {
		events, err := watcher.Watch(w.context, list, client.InNamespace(w.namespace))
		Expect(err).NotTo(HaveOccurred())
		var reading sync.WaitGroup
		reading.Go(func() {
			for event := range events.ResultChan() {
				d.enter(event.Object)
			}
		})
		DeferCleanup(func() {
			events.Stop()
			reading.Wait()
		})
	}
	return d
}

func (d *diary) enter(object runtime.Object) {
	s := lookAt(object)
	named, ok := object.(client.Object)
	if s.conditions == "" || !ok {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	page := fmt.Sprintf("%T %s", object, named.GetName())
	if sights := d.pages[page]; len(sights) == 0 || sights[len(sights)-1] != s {
		d.pages[page] = append(sights, s)
	}
}

func (d *diary) ofMapping(name string) func() []sight {
	return d.of(&v1alpha1.AgentGroupMapping{}, name)
}

func (d *diary) ofAccount(name string) func() []sight {
	return d.of(&v1alpha1.DeepCallAccount{}, name)
}

func (d *diary) of(kind client.Object, name string) func() []sight {
	return func() []sight {
		d.mu.Lock()
		defer d.mu.Unlock()
		return slices.Clone(d.pages[fmt.Sprintf("%T %s", kind, name)])
	}
}

func conditionsOf(sights []sight) []string {
	var lines []string
	for _, s := range sights {
		lines = append(lines, s.conditions)
	}
	return slices.Compact(lines)
}

// createAccount creates an account with credentials that the world's DeepCall accepts, and waits
// until the manager knows it: a mapping that it sees earlier says AccountNotFound for a moment.
func (w *world) createAccount(builder *testenv.AccountBuilder) {
	GinkgoHelper()
	account := builder.Build()
	w.create(testenv.UserToken(account.Name, "1001", "s3cr3t"))
	w.create(account)
	Eventually(func() string { return lookAt(w.accountNamed(account.Name)).conditions }).Should(Equal("Ready=True Untried"))
}

func (w *world) accountNamed(name string) *v1alpha1.DeepCallAccount {
	GinkgoHelper()
	account := &v1alpha1.DeepCallAccount{}
	Expect(admin.Get(w.context, client.ObjectKey{Namespace: w.namespace, Name: name}, account)).To(Succeed())
	return account
}

// requestAccount asks for an account to be tried again.
func (w *world) requestAccount(name, value string) {
	GinkgoHelper()
	account := w.accountNamed(name)
	base := account.DeepCopy()
	account.Annotations = map[string]string{v1alpha1.ReconcileRequestedAtAnnotation: value}
	Expect(admin.Patch(w.context, account, client.MergeFrom(base))).To(Succeed())
}
