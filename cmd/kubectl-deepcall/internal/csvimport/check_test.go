package csvimport

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

const exportHeader = "namespace,mapping,account,agent,group,receives,declared,in_sync\n"

var support = Options{Namespace: "support", NamePrefix: "agent-"}

// live returns an existing mapping in namespace support, for account acme, with groups such as 90+ (receives) and 91- (does not).
func live(name, agent string, groups ...string) *v1alpha1.AgentGroupMapping {
	m := &v1alpha1.AgentGroupMapping{}
	m.Name, m.Namespace = name, "support"
	m.Spec.AccountRef.Name, m.Spec.AgentID = "acme", agent
	for _, group := range groups {
		id, receives := strings.CutSuffix(group, "+")
		m.Spec.Groups = append(m.Spec.Groups, v1alpha1.AgentGroup{GroupID: strings.TrimSuffix(id, "-"), ReceiveCall: receives})
	}
	return m
}

// texts formats problems, each as LINE: TEXT.
func texts(problems []Problem) []string {
	var texts []string
	for _, p := range problems {
		texts = append(texts, p.String())
	}
	return texts
}

// expectTexts expects texts that contain the wanted ones, in this order.
func expectTexts(t *testing.T, got []Problem, want ...string) {
	t.Helper()
	if !slices.EqualFunc(texts(got), want, strings.Contains) {
		t.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(texts(got), "\n  "), strings.Join(want, "\n  "))
	}
}

func TestReadOfAnExportedRoster(t *testing.T) {
	acme := v1alpha1.AccountReference{Name: "acme"}
	for _, c := range []struct {
		name    string
		options func(*Options)
		rows    string
		// want are the mappings, or the start of the problems.
		want string
	}{
		{"keeps the names of mappings", nil, "support,asha,support/acme,7,90,no,yes,yes\nsupport,ben,support/acme,8,90,yes,yes,yes\n", "asha=7: 90-; ben=8: 90+"},
		{"keeps several mappings of an agent", nil, "support,a,support/acme,7,90,no,no,yes\nsupport,b,support/acme,7,91,yes,yes,yes\n", "a=7: 90-; b=7: 91+"},
		{"keeps a mapping without groups", nil, "support,asha,support/acme,7,,,,yes\n", "asha=7:"},
		{"adds a row without a mapping to the agent's", nil, "support,asha,support/acme,7,90,yes,yes,yes\n,,acme,7,91,no,,\n", "asha=7: 90+ 91-"},
		{"names the mapping of another agent after it", nil, "support,asha,support/acme,7,90,yes,yes,yes\n,,acme,8,90,no,,\n", "asha=7: 90+; agent-8=8: 90-"},
		{
			"asks which mapping a row belongs to", nil, "support,a,support/acme,7,90,yes,yes,yes\nsupport,b,support/acme,7,91,yes,yes,yes\n,,acme,7,92,no,,\n",
			"line 4: mapping is empty, and agent 7 has several: enter one of a, b",
		},
		{"rejects a mapping of two agents", nil, "support,asha,support/acme,7,90,yes,yes,yes\nsupport,asha,support/acme,8,90,yes,yes,yes\n", "line 3: mapping asha is for agent 7 on line 2"},
		{"rejects a mapping of two accounts", nil, "support,asha,support/acme,7,90,yes,yes,yes\nsupport,asha,support/b,7,91,yes,yes,yes\n", "line 3: mapping asha is for account support/acme on line 2"},
		{"rejects an invalid name", nil, "support,Asha,support/acme,7,90,yes,yes,yes\n", `line 2: mapping "Asha" is invalid`},
		{"rejects an invalid account", nil, "support,asha,a/b/c,7,90,yes,yes,yes\n", `line 2: account "a/b/c" is invalid`},
		{"requires an account", nil, "support,asha,,7,90,yes,yes,yes\n", "line 2: account is empty: enter NAME or NAMESPACE/NAME, or use --account"},
		{"accepts the same account", func(o *Options) { o.Account = acme }, "support,asha,support/acme,7,90,yes,yes,yes\n", "asha=7: 90+"},
		{
			"rejects another account", func(o *Options) { o.Account = acme }, "support,asha,support/other,7,90,yes,yes,yes\n",
			"line 2: account is support/other, but --account is support/acme: correct one of the two; with --force, new mappings are created with support/acme, but an existing",
		},
		{"imports another account with --force", func(o *Options) { o.Account, o.Force = acme, true }, "support,asha,support/other,7,90,yes,yes,yes\n", "asha=7: 90+"},
		{"rejects another namespace than that of -n", func(o *Options) { o.Explicit = true }, "night,asha,night/acme,7,90,yes,yes,yes\n", "line 2: namespace is night, not support: import it with -n night"},
		{"rejects a group that is not in sync", nil, "support,asha,support/acme,7,90,,yes,no\n", "line 2: in_sync is no: DeepCall has not confirmed what the mapping declares; wait or resolve its error"},
		{"rejects an invalid value of in_sync", nil, "support,asha,support/acme,7,90,yes,yes,perhaps\n", `line 2: in_sync is "perhaps"`},
		{"rejects an invalid value of declared", nil, "support,asha,support/acme,7,90,yes,perhaps,yes\n", `line 2: declared is "perhaps"`},
		{
			"imports what is declared with --force", func(o *Options) { o.Force = true },
			"support,asha,support/acme,7,90,,yes,no\nsupport,asha,support/acme,7,91,no,no,no\n", "asha=7: 90+ 91-",
		},
		{
			"leaves out what is no longer declared with --force", func(o *Options) { o.Force = true },
			"support,asha,support/acme,7,90,yes,yes,yes\nsupport,asha,support/acme,7,91,yes,,no\n", "asha=7: 90+",
		},
		{
			"asks for the value of a group that is not in sync", func(o *Options) { o.Force = true }, "support,asha,support/acme,7,90,yes,no,no\n",
			"line 2: in_sync is no, and receives and declared differ: enter the desired value in both",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			options := support
			if c.options != nil {
				c.options(&options)
			}
			mappings, problems := convert([]byte(exportHeader+c.rows), options)
			got := format(mappings)
			if len(problems) > 0 {
				got = strings.Join(texts(problems), "; ")
			}
			if !strings.HasPrefix(got, c.want) || (len(problems) == 0 && got != c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestReadOfAnIncompleteExport(t *testing.T) {
	const header = "mapping,account,agent,group,receives,declared,in_sync,complete\n"
	const exported = "asha,acme,7,90,yes,yes,yes,no\nben,acme,8,90,yes,yes,yes,no\n"
	forced := support
	forced.Force = true
	for _, c := range []struct {
		name, rows string
		options    Options
		want       []string
	}{
		{"a filtered export", exported, support, []string{"line 2: the roster was exported with --group or --not-in-sync, so groups that it lacks would be removed: export it without"}},
		{"a filtered export after a new line", ",acme,9,90,yes,,,\n" + exported, support, []string{"line 3: the roster was exported with --group"}},
		{"a filtered export with --force", exported, forced, nil},
		{"a complete export", strings.ReplaceAll(exported, "yes,no\n", "yes,yes\n"), support, nil},
		{"an invalid value", "asha,acme,7,90,yes,yes,yes,maybe\n", support, []string{`line 2: complete is "maybe"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems := Read([]byte(header+c.rows), c.options)
			expectTexts(t, problems, c.want...)
		})
	}
}

func TestReadResolvesNamespacesAndAccounts(t *testing.T) {
	for _, c := range []struct {
		name                   string
		options                Options
		row                    string
		namespace, accountsRef string
	}{
		{"exported", support, "night,asha,night/acme,7,90,yes,yes,yes\n", "night", "acme"},
		{"an account elsewhere", support, "night,asha,shared/acme,7,90,yes,yes,yes\n", "night", "shared/acme"},
		{"without a namespace", support, ",asha,support/acme,7,90,yes,yes,yes\n", "support", "acme"},
		{"left to kubectl apply", Options{Namespace: "support", OmitNamespace: true}, ",asha,support/acme,7,90,yes,yes,yes\n", "", "support/acme"},
		{"exported and printed", Options{Namespace: "support", OmitNamespace: true}, "night,asha,night/acme,7,90,yes,yes,yes\n", "night", "acme"},
		{
			"forced into another namespace and account",
			Options{Namespace: "support", Explicit: true, Force: true, Account: v1alpha1.AccountReference{Name: "acme"}},
			"night,asha,night/other,7,90,yes,yes,yes\n", "support", "acme",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			mappings := mustRead(t, exportHeader+c.row, c.options).Mappings(nil)
			ref := mappings[0].Spec.AccountRef
			if got := strings.TrimPrefix(ref.Namespace+"/"+ref.Name, "/"); mappings[0].Namespace != c.namespace || got != c.accountsRef {
				t.Errorf("got namespace %q and account %q", mappings[0].Namespace, got)
			}
		})
	}
}

func TestCheckComparesWithLiveMappings(t *testing.T) {
	deleted := metav1.NewTime(time.Unix(0, 0))
	asha := live("asha", "7", "90+", "91-")
	for _, c := range []struct {
		name, rows         string
		problems, warnings []string
	}{
		{"an unchanged export", "support,asha,support/acme,7,90,yes,yes,yes\nsupport,asha,support/acme,7,91,no,no,yes\n", nil, nil},
		{"an edit", "support,asha,support/acme,7,90,no,yes,yes\n", nil, nil},
		{"a new row", "support,asha,support/acme,7,92,no,,\n", nil, nil},
		{
			"an edit of the wrong column, or an edit that was imported before", "support,asha,support/acme,7,90,yes,no,yes\n",
			nil,
			[]string{"line 2: declared is no, but only the column receives is imported, and mapping asha already declares yes"},
		},
		{
			"a change since the export", "support,asha,support/acme,7,90,no,no,yes\n",
			[]string{"line 2: mapping asha declares yes for group 90, not no: export the roster again"},
			nil,
		},
		{
			"a removal since the export", "support,asha,support/acme,7,92,no,no,yes\n",
			[]string{"line 2: mapping asha does not declare group 92: export the roster again"},
			nil,
		},
		{
			"a second mapping", "support,,support/acme,7,90,no,,\n",
			[]string{"line 2: agent 7 already has mapping asha: enter this name in the column mapping"},
			nil,
		},
		{"the same agent in another account", "support,,support/other,7,90,no,,\n", nil, nil},
		{"the same agent in another namespace", "night,,support/acme,7,90,no,,\n", nil, nil},
		{"another agent", "support,asha,support/acme,8,90,no,,\n", []string{"line 2: mapping asha is for agent 7, which can't be changed"}, nil},
		{
			"another account", "support,asha,support/other,7,90,no,yes,yes\n",
			[]string{"line 2: mapping asha uses account support/acme, which can't be changed: correct the column account"},
			nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			problems, warnings := mustRead(t, exportHeader+c.rows, support).Check([]*v1alpha1.AgentGroupMapping{asha})
			expectTexts(t, problems, c.problems...)
			expectTexts(t, warnings, c.warnings...)

			forced := support
			forced.Force = true
			table, _ := Read([]byte(exportHeader+c.rows), forced)
			if problems, _ := table.Check([]*v1alpha1.AgentGroupMapping{asha}); len(problems) > 0 && !strings.Contains(problems[0].Text, "can't be changed") {
				t.Errorf("with --force: %v", problems)
			}
		})
	}
	t.Run("a mapping that is being deleted", func(t *testing.T) {
		asha := live("asha", "7", "90+")
		asha.DeletionTimestamp = &deleted
		for row, want := range map[string][]string{
			"support,asha,support/acme,7,90,no,yes,yes\n": {"line 2: mapping asha is being deleted"}, "support,,support/acme,7,90,no,,\n": nil,
		} {
			table, _ := Read([]byte(exportHeader+row), support)
			problems, _ := table.Check([]*v1alpha1.AgentGroupMapping{asha})
			expectTexts(t, problems, want...)
		}
	})
}

func TestCheckRefusesToRemoveGroupsAddedSinceTheExport(t *testing.T) {
	const header = "mapping,account,agent,group,receives,declared,in_sync,generation\n"
	for _, c := range []struct {
		name, rows string
		live       []string
		generation int64
		want       []string
	}{
		{"a deleted line", "asha,acme,7,90,yes,yes,yes,3\n", []string{"90+", "91-"}, 3, nil},
		{
			"groups added since", "asha,acme,7,90,yes,yes,yes,3\n",
			[]string{"90+", "91-", "92+"},
			4,
			[]string{"line 2: mapping asha was changed after the export, and declares groups that the file lacks: 91, 92; export the roster again"},
		},
		{"a line added above", "asha,acme,7,93,yes,,,\nasha,acme,7,90,yes,yes,yes,3\n", []string{"90+", "91-"}, 4, []string{"line 2: mapping asha was changed"}},
		{"an import that is repeated", "asha,acme,7,90,no,yes,yes,3\nasha,acme,7,91,yes,,,\n", []string{"90-", "91+"}, 4, nil},
		{"a file without generations", "asha,acme,7,90,yes,yes,yes,\n", []string{"90+", "91-"}, 4, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			asha := live("asha", "7", c.live...)
			asha.Generation = c.generation
			problems, _ := mustRead(t, header+c.rows, support).Check([]*v1alpha1.AgentGroupMapping{asha})
			expectTexts(t, problems, c.want...)
		})
	}
	_, problems := Read([]byte(header+"asha,acme,7,90,yes,yes,yes,3.0\n"), support)
	expectTexts(t, problems, `line 2: generation is "3.0", not the number that was exported`)
}

func TestMappingsKeepTheOrderOfLiveGroups(t *testing.T) {
	table, _ := Read([]byte(exportHeader+"support,asha,support/acme,7,90,yes,,\nsupport,asha,support/acme,7,91,yes,,\nsupport,asha,support/acme,7,92,yes,,\n"), support)
	if got := format(table.Mappings([]*v1alpha1.AgentGroupMapping{live("asha", "7", "92+", "90+")})); got != "asha=7: 92+ 90+ 91+" {
		t.Errorf("got %s", got)
	}
}

func TestMappingsKeepFieldsOfLiveOnes(t *testing.T) {
	table, _ := Read([]byte(exportHeader+"support,asha,support/acme,7,90,no,yes,yes\n"), support)
	asha := live("asha", "7", "90+")
	asha.Spec.AccountRef.Namespace, asha.Spec.RemovalPolicy = "support", v1alpha1.RemovalPolicyOrphan
	got := table.Mappings([]*v1alpha1.AgentGroupMapping{asha})[0].Spec
	if got.AccountRef != asha.Spec.AccountRef {
		t.Errorf("got %+v, want %+v, because the reference is immutable", got.AccountRef, asha.Spec.AccountRef)
	}
	if got.RemovalPolicy != v1alpha1.RemovalPolicyOrphan {
		t.Errorf("got removal policy %q, want Orphan", got.RemovalPolicy)
	}
}
