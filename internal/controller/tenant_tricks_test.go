package controller_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// trick is what a tenant tries with a mapping of its own that uses an account without permission.
type trick struct {
	// summary is the expected status.
	summary string
	// create changes the mapping before it is created, and edit changes it afterwards, when its UID is known.
	create func(*testenv.MappingBuilder) *testenv.MappingBuilder
	edit   func(*v1alpha1.AgentGroupMapping)
}

const (
	notPermitted = "Ready=False AccountNotPermitted Stalled"
	hostGroup    = "group-of-the-host"
)

// tricks returns the tricks by name. host is a mapping of the account's namespace.
func tricks(host *v1alpha1.AgentGroupMapping) map[string]trick {
	declare := func(ids ...string) func(*testenv.MappingBuilder) *testenv.MappingBuilder {
		return func(b *testenv.MappingBuilder) *testenv.MappingBuilder {
			for _, id := range ids {
				b.Group(id, true)
			}
			return b
		}
	}
	nothing := declare()
	annotate := func(name string, value func(m *v1alpha1.AgentGroupMapping) string) func(*v1alpha1.AgentGroupMapping) {
		return func(m *v1alpha1.AgentGroupMapping) { metav1.SetMetaDataAnnotation(&m.ObjectMeta, name, value(m)) }
	}
	record := func(value func(m *v1alpha1.AgentGroupMapping) string) func(*v1alpha1.AgentGroupMapping) {
		return func(m *v1alpha1.AgentGroupMapping) {
			annotate(v1alpha1.AttemptedGroupsAnnotation, value)(m)
			m.Finalizers = append(m.Finalizers, v1alpha1.StopCallsFinalizer)
		}
	}
	recordOf := func(format string, args ...any) func(m *v1alpha1.AgentGroupMapping) string {
		return func(m *v1alpha1.AgentGroupMapping) string {
			return strings.ReplaceAll(fmt.Sprintf(format, args...), "UID", string(m.UID))
		}
	}
	text := func(value string) func(*v1alpha1.AgentGroupMapping) string {
		return func(*v1alpha1.AgentGroupMapping) string { return value }
	}
	own := recordOf(`{"uid":"UID","attempt":1,"groups":[%q,"90"]}`, hostGroup)
	return map[string]trick{
		"group":           {notPermitted, declare(hostGroup), nil},
		"same-group":      {notPermitted, declare(hostGroup, "90"), nil},
		"a-sorts-before":  {notPermitted, declare(hostGroup), nil},
		"no-groups":       {"Ready=True Synced", nothing, nil},
		"suspended":       {"Ready=False Suspended", declare(hostGroup), setSuspend(true)},
		"suspended-empty": {"Ready=True Synced", nothing, setSuspend(true)},
		"orphan":          {notPermitted, declare(hostGroup), setOrphan},
		"edited":          {notPermitted, declare(hostGroup), setGroups(group(hostGroup, false), group("91", true))},
		"emptied":         {"Ready=True Synced", declare(hostGroup), setGroups()},
		"resync":          {notPermitted, declare(hostGroup), annotate(v1alpha1.ReconcileRequestedAtAnnotation, text("now"))},
		"resync-empty":    {"Ready=True Synced", nothing, annotate(v1alpha1.ReconcileRequestedAtAnnotation, text(strings.Repeat("ü", 2000)))},
		"finalizer": {notPermitted, declare(hostGroup), func(m *v1alpha1.AgentGroupMapping) {
			m.Finalizers = append(m.Finalizers, v1alpha1.StopCallsFinalizer)
		}},
		"record":            {notPermitted, declare("90"), record(own)},
		"record-empty":      {"Ready=True Synced", nothing, record(own)},
		"record-orphan":     {"Ready=True Synced", nothing, func(m *v1alpha1.AgentGroupMapping) { record(own)(m); setOrphan(m) }},
		"record-suspended":  {"Ready=True Synced", nothing, func(m *v1alpha1.AgentGroupMapping) { record(own)(m); setSuspend(true)(m) }},
		"record-of-host":    {"Ready=True Synced", nothing, record(recordOf(`{"uid":%q,"attempt":1,"groups":[%q]}`, host.UID, hostGroup))},
		"record-negative":   {"Ready=True Synced", nothing, record(recordOf(`{"uid":"UID","attempt":-1,"groups":["90"]}`))},
		"record-overflow":   {"Ready=True Synced", nothing, record(recordOf(`{"uid":"UID","attempt":%d,"groups":["90"]}`, int64(math.MaxInt64)))},
		"record-malformed":  {"Ready=True Synced", nothing, record(text(`{"uid":`))},
		"record-other-type": {"Ready=True Synced", nothing, record(recordOf(`["UID",{"attempt":"1","groups":{"90":"Y"}}]`))},
		"record-invalid":    {"Ready=True Synced", nothing, record(recordOf(`{"uid":"UID","attempt":1,"groups":["../90","","9 0"]}`))},
		"record-huge":       {"Ready=True Synced", nothing, record(recordOf(`{"uid":"UID","attempt":1,"groups":["%s"]}`, strings.Repeat(`90","`, 40_000)))},
		"z-copy-of-host": {notPermitted, declare(hostGroup), func(m *v1alpha1.AgentGroupMapping) {
			m.Annotations, m.Finalizers = maps.Clone(host.Annotations), host.Finalizers
		}},
	}
}

// variant is what a mapping of the tenant references: an account that exists or not, and an agent with or without other mappings.
type variant struct{ account, agent string }

var variants = []variant{{"acme", "7"}, {"acme", "8"}, {"missing", "7"}, {"missing", "8"}}

func (v variant) name(trick string) string { return trick + "." + v.account + "." + v.agent }

// tryAll creates the mappings of all tricks in all variants, waits for their statuses, and returns the names of the tricks.
func (t *tenant) tryAll(e *testEnv, all map[string]trick) []string {
	GinkgoHelper()
	names := slices.Sorted(maps.Keys(all))
	for _, name := range names {
		for _, v := range variants {
			t.create(all[name].create(testenv.Mapping(v.name(name)).Agent(v.agent).AccountIn(e.namespace, v.account)).Build())
		}
	}
	for _, name := range names {
		for _, v := range variants {
			// Whether the operator has seen a mapping before its edit makes a difference (status.uncertain).
			Eventually(func() string { return summarize(t.mapping(v.name(name))) }).ShouldNot(Equal("pending"))
			if all[name].edit != nil {
				t.edit(v.name(name), all[name].edit)
			}
		}
	}
	for _, name := range names {
		for _, v := range variants {
			e.waitFor(t.namespace+"/"+v.name(name), all[name].summary)
		}
	}
	return names
}
