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
	summary string   // the expected status
	groups  []string // that the mapping declares
	// edit changes the mapping after it is created, when its UID is known.
	edit func(*v1alpha1.AgentGroupMapping)
}

const (
	notPermitted = "Ready=False AccountNotPermitted Stalled"
	hostGroup    = "group-of-the-host"
)

// tricks returns the tricks by name. host is a mapping of the account's namespace.
func tricks(host *v1alpha1.AgentGroupMapping) map[string]trick {
	theirs := []string{hostGroup}
	resync := func(value string) func(*v1alpha1.AgentGroupMapping) {
		return func(m *v1alpha1.AgentGroupMapping) {
			metav1.SetMetaDataAnnotation(&m.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, value)
		}
	}
	// record adds the operator's finalizer and annotation, in which UID stands for the mapping's own.
	record := func(format string, args ...any) func(*v1alpha1.AgentGroupMapping) {
		return func(m *v1alpha1.AgentGroupMapping) {
			value := strings.ReplaceAll(fmt.Sprintf(format, args...), "UID", string(m.UID))
			metav1.SetMetaDataAnnotation(&m.ObjectMeta, v1alpha1.AttemptedGroupsAnnotation, value)
			m.Finalizers = append(m.Finalizers, v1alpha1.StopCallsFinalizer)
		}
	}
	own := record(`{"uid":"UID","attempt":1,"groups":[%q,"90"]}`, hostGroup)
	return map[string]trick{
		"group":           {notPermitted, theirs, nil},
		"same-group":      {notPermitted, []string{hostGroup, "90"}, nil},
		"a-sorts-before":  {notPermitted, theirs, nil},
		"no-groups":       {"Ready=True Synced", nil, nil},
		"suspended":       {"Ready=False Suspended", theirs, setSuspend(true)},
		"suspended-empty": {"Ready=True Synced", nil, setSuspend(true)},
		"orphan":          {notPermitted, theirs, setOrphan},
		"edited":          {notPermitted, theirs, setGroups(group(hostGroup, false), group("91", true))},
		"emptied":         {"Ready=True Synced", theirs, setGroups()},
		"resync":          {notPermitted, theirs, resync("now")},
		"resync-empty":    {"Ready=True Synced", nil, resync(strings.Repeat("ü", 2000))},
		"finalizer": {notPermitted, theirs, func(m *v1alpha1.AgentGroupMapping) {
			m.Finalizers = append(m.Finalizers, v1alpha1.StopCallsFinalizer)
		}},
		"record":            {notPermitted, []string{"90"}, own},
		"record-empty":      {"Ready=True Synced", nil, own},
		"record-orphan":     {"Ready=True Synced", nil, func(m *v1alpha1.AgentGroupMapping) { own(m); setOrphan(m) }},
		"record-suspended":  {"Ready=True Synced", nil, func(m *v1alpha1.AgentGroupMapping) { own(m); setSuspend(true)(m) }},
		"record-of-host":    {"Ready=True Synced", nil, record(`{"uid":%q,"attempt":1,"groups":[%q]}`, host.UID, hostGroup)},
		"record-negative":   {"Ready=True Synced", nil, record(`{"uid":"UID","attempt":-1,"groups":["90"]}`)},
		"record-overflow":   {"Ready=True Synced", nil, record(`{"uid":"UID","attempt":%d,"groups":["90"]}`, int64(math.MaxInt64))},
		"record-malformed":  {"Ready=True Synced", nil, record(`{"uid":`)},
		"record-other-type": {"Ready=True Synced", nil, record(`["UID",{"attempt":"1","groups":{"90":"Y"}}]`)},
		"record-invalid":    {"Ready=True Synced", nil, record(`{"uid":"UID","attempt":1,"groups":["../90","","9 0"]}`)},
		"record-huge":       {"Ready=True Synced", nil, record(`{"uid":"UID","attempt":1,"groups":["%s"]}`, strings.Repeat(`90","`, 40_000))},
		"z-copy-of-host": {notPermitted, theirs, func(m *v1alpha1.AgentGroupMapping) {
			m.Annotations, m.Finalizers = maps.Clone(host.Annotations), host.Finalizers
		}},
	}
}

// variant is what a mapping of the tenant references: an account that exists or not, and an agent with or without other mappings.
type variant struct{ account, agent string }

var variants = []variant{{"acme", "7"}, {"acme", "8"}, {"missing", "7"}, {"missing", "8"}}

func (v variant) name(trick string) string { return trick + "." + v.account + "." + v.agent }

// tryAll creates the mappings of all tricks in all variants, for accounts of a namespace, waits for their statuses, and returns the
// names of the tricks.
func (t *tenant) tryAll(namespace string, all map[string]trick) []string {
	GinkgoHelper()
	names := slices.Sorted(maps.Keys(all))
	for _, name := range names {
		for _, v := range variants {
			builder := testenv.Mapping(v.name(name)).Agent(v.agent).AccountIn(namespace, v.account)
			for _, id := range all[name].groups {
				builder.Group(id, true)
			}
			t.create(builder.Build())
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
			t.waitFor(v.name(name), all[name].summary)
		}
	}
	return names
}
