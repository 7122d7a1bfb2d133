package reliability

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// stage is the world of a story: two accounts of two users, and two DeepCalls, at which either account
// may be.
type stage struct {
	t     tb
	w     *world
	story story
	book  *book
	// deepCalls and urls are by place: here, there.
	deepCalls map[string]*deepcalltest.Server
	urls      map[string]string
	at        map[string]string // the place at which an account is
	users     map[string]string // the user of an account
	tokens    map[string]string // what DeepCall takes
	secrets   []string          // every credential there ever was
	counted   int               // requests
	turns     []turn            // when groups vanished or returned
	written   map[string]uint64 // the version of each mapping that the story wrote last
	// remembered is what there was when the story said "remember", and reverted that it is to be so again.
	remembered *memory
	reverted   bool
}

const (
	here, there = "here", "there"
	// hangs is how long a call may take: it bounds what a DeepCall that hangs costs the test.
	hangs = 700 * time.Millisecond
)

func newStage(t tb, s story) *stage {
	semantics := deepcalltest.Merge
	if s.Replace {
		semantics = deepcalltest.Replace
	}
	w := newWorld(t, options{semantics: semantics, neighbours: 1})
	elsewhere := w.anotherDeepCall()
	p := &stage{
		t: t, w: w, story: s, book: newBook(),
		deepCalls: map[string]*deepcalltest.Server{here: w.deepcall, there: w.other},
		urls:      map[string]string{here: w.url, there: elsewhere},
		at:        map[string]string{}, users: map[string]string{}, tokens: map[string]string{}, written: map[string]uint64{},
	}
	for _, server := range p.deepCalls {
		server.SetAccounts()
		server.RemoveGroups(nowhere)
	}
	for _, account := range castAccounts {
		p.at[account] = here
		p.users[account] = p.canary()
		p.rotateInDeepCall(account)
		p.createAccount(account)
	}
	return p
}

// canary is a credential unlike any other, which is looked for in the end.
func (p *stage) canary() string {
	secret := newCanary(canaryMark)
	p.secrets = append(p.secrets, secret)
	return secret
}

// rotateInDeepCall gives an account's user another token in DeepCall.
func (p *stage) rotateInDeepCall(account string) {
	p.tokens[account] = p.canary()
	for _, server := range p.deepCalls {
		server.RotateToken(p.users[account], p.tokens[account])
	}
}

// createAccount creates an account that is not there, with its Secret.
func (p *stage) createAccount(account string) {
	p.writeSecret(account, map[string]string{"userId": p.users[account], "token": p.tokens[account]})
	key := p.w.key(account)
	err := admin.Create(p.w.context, testenv.Account(key.Name, p.urls[p.at[account]]).In(key.Namespace).
		Limits(1000, 1000, 16).Timeout(hangs).Allow(v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesFromAll}).Build())
	if !apierrors.IsAlreadyExists(err) {
		p.w.must(err)
	}
}

func secretKey(w *world, account string) client.ObjectKey {
	key := w.key(account)
	key.Name += "-deepcall"
	return key
}

// writeSecret creates the Secret of an account, or makes it hold these data and no others.
func (p *stage) writeSecret(account string, data map[string]string) {
	key := secretKey(p.w, account)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}, StringData: data}
	err := admin.Create(p.w.context, secret)
	if apierrors.IsAlreadyExists(err) {
		err = admin.Update(p.w.context, secret)
	}
	p.w.must(err)
}

// mapping reads a mapping, if it exists.
func (p *stage) mapping(name string) *v1alpha1.AgentGroupMapping {
	mapping := &v1alpha1.AgentGroupMapping{}
	err := admin.Get(p.w.context, p.w.key(name), mapping)
	if apierrors.IsNotFound(err) {
		return nil
	}
	p.w.must(err)
	return mapping
}

// edit changes a mapping as a person would, if it exists.
func (p *stage) edit(name string, change func(*v1alpha1.AgentGroupMapping)) {
	mapping := p.mapping(name)
	if mapping == nil {
		return
	}
	base := mapping.DeepCopy()
	change(mapping)
	err := admin.Patch(p.w.context, mapping, client.MergeFrom(base))
	if apierrors.IsNotFound(err) {
		return // it was just let go
	}
	p.w.must(err)
	p.wrote(name, mapping)
}

// wrote takes note of what the API server made of a mapping.
func (p *stage) wrote(name string, mapping *v1alpha1.AgentGroupMapping) {
	p.written[name] = revision(version{mapping: mapping})
	p.book.declares(mapping, p.written[name])
}

// apply has a mapping declare exactly this, whether it exists or not.
func (p *stage) apply(name string, spec v1alpha1.AgentGroupMappingSpec) {
	if p.mapping(name) != nil {
		p.edit(name, func(mapping *v1alpha1.AgentGroupMapping) {
			mapping.Spec.Groups, mapping.Spec.RemovalPolicy, mapping.Spec.Suspend = spec.Groups, spec.RemovalPolicy, spec.Suspend
		})
		return
	}
	r, key := roleOf(name), p.w.key(name)
	mapping := testenv.Mapping(key.Name).In(key.Namespace).Agent(r.agent).Build()
	if account := p.w.key(r.account); account.Namespace == key.Namespace {
		mapping.Spec.AccountRef = v1alpha1.AccountReference{Name: account.Name}
	} else {
		mapping.Spec.AccountRef = v1alpha1.AccountReference{Namespace: account.Namespace, Name: account.Name}
	}
	mapping.Spec.Groups, mapping.Spec.RemovalPolicy, mapping.Spec.Suspend = spec.Groups, spec.RemovalPolicy, spec.Suspend
	p.w.must(admin.Create(p.w.context, mapping))
	p.wrote(name, mapping)
}

func (p *stage) delete(name string) {
	mapping := p.mapping(name)
	if mapping == nil {
		return
	}
	now := metav1.Now()
	mapping.DeletionTimestamp = &now
	p.w.must(client.IgnoreNotFound(admin.Delete(p.w.context, &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{
		Namespace: mapping.Namespace, Name: mapping.Name,
	}})))
	p.book.declares(mapping, p.revision())
}

// revision is that of the API server now: what is written from now on has a later one.
func (p *stage) revision() uint64 {
	var mappings v1alpha1.AgentGroupMappingList
	p.w.must(admin.List(p.w.context, &mappings, client.InNamespace(p.w.namespaces[0])))
	n, err := strconv.ParseUint(mappings.ResourceVersion, 10, 64)
	p.w.must(err)
	return n
}

// loose are the groups of an agent that may stand as they do in its DeepCall.
func (p *stage) loose(agent string) map[string]bool {
	place := p.at[castAgents[agent]]
	return p.book.looseAt(place, p.urls[place], agent, p.w.history.look())
}

// editAccount changes an account, if it exists.
func (p *stage) editAccount(name string, change func(*v1alpha1.DeepCallAccount)) {
	account := &v1alpha1.DeepCallAccount{}
	err := admin.Get(p.w.context, p.w.key(name), account)
	if err == nil {
		base := account.DeepCopy()
		change(account)
		err = admin.Patch(p.w.context, account, client.MergeFrom(base))
	}
	p.w.must(client.IgnoreNotFound(err))
}

// count is a number that never came before.
func (p *stage) count() string {
	p.counted++
	return fmt.Sprint(p.counted)
}

// request asks for a resync.
func (p *stage) request(name string) {
	p.edit(name, func(mapping *v1alpha1.AgentGroupMapping) {
		metav1.SetMetaDataAnnotation(&mapping.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, p.count())
	})
}

// name is how the story calls an object.
func (p *stage) name(key client.ObjectKey) string {
	if i := slices.Index(p.w.namespaces, key.Namespace); i > 0 {
		return fmt.Sprintf("%d/%s", i, key.Name)
	}
	return key.Name
}

// server is the DeepCall that an agent's account is at.
func (p *stage) server(agent string) *deepcalltest.Server {
	return p.deepCalls[p.at[castAgents[agent]]]
}

func groupsOf(words string) []v1alpha1.AgentGroup {
	groups := parse(words)
	list := make([]v1alpha1.AgentGroup, 0, len(groups))
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		list = append(list, v1alpha1.AgentGroup{GroupID: id, ReceiveCall: groups[id] == "Y"})
	}
	return list
}
