package status

import (
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

// Print prints the report for people. Ages are relative to now.
func Print(w io.Writer, r Report, now time.Time) error {
	p := printer{now: now}
	p.field("Mapping", fmt.Sprintf("%s in namespace %s, agent %s%s", r.Mapping, r.Namespace, r.AgentID, suspended(r.Suspended)))
	state := r.State
	if state.Reason == v1alpha1.ReasonAccountNotReady && r.AccountState != nil {
		state.Remedy = "" // that of the account follows
	}
	p.state("Ready", "", state)
	p.account(r)
	p.response(r)
	p.field("Next", r.Next.Text)
	for _, text := range r.NotRead {
		p.field("Not read", text)
	}
	sections := [][][]string{p.rows, groupRows(r.Groups), otherRows(r.Others), p.eventRows(r.Events)}
	separator := ""
	for _, rows := range sections {
		if len(rows) == 0 {
			continue
		}
		if _, err := io.WriteString(w, separator); err != nil {
			return fmt.Errorf("write the status: %w", err)
		}
		if err := text.WriteTable(w, rows); err != nil {
			return err
		}
		separator = "\n"
	}
	return nil
}

// printer collects the lines of the first section.
type printer struct {
	now  time.Time
	rows [][]string
}

func (p *printer) field(name, value string) {
	if value != "" {
		p.rows = append(p.rows, []string{name + ":", value})
	}
}

// state prints a state, and its explanation unless all is well.
func (p *printer) state(name, prefix string, s State) {
	ready := "no"
	if s.Ready {
		ready = "yes"
	}
	p.field(name, fmt.Sprintf("%s%s, %s: %s", prefix, ready, s.Reason, s.Message))
	if s.Ready {
		return
	}
	p.field("Meaning", s.Meaning)
	p.field("Operator", s.Operator)
	p.field("What to do", s.Remedy)
}

func (p *printer) account(r Report) {
	name := r.Account.Name
	if r.Account.Namespace != r.Namespace {
		name += " in namespace " + r.Account.Namespace
	}
	if r.AccountState == nil {
		p.field("Account", name)
		return
	}
	p.state("Account", name+", ready: ", *r.AccountState)
}

// response prints the last response, and its explanation unless that of the state is the same.
func (p *printer) response(r Report) {
	last := r.LastResponse
	if last == nil {
		p.field("Last response", "none")
		return
	}
	p.field("Last response", fmt.Sprintf("%d %s, %s ago", last.Code, last.Message, duration.HumanDuration(p.now.Sub(last.Time))))
	if last.Meaning != "" && last.Meaning != r.State.Meaning {
		p.field("Meaning", last.Meaning)
		p.field("What to do", last.Remedy)
	}
}

func groupRows(groups []Group) [][]string {
	if len(groups) == 0 {
		return nil
	}
	rows := [][]string{{"GROUP", "DESIRED", "APPLIED", "PENDING"}}
	for _, g := range groups {
		rows = append(rows, []string{g.GroupID, text.YesNo(g.Desired), text.YesNo(g.Applied), g.Pending})
	}
	return rows
}

func otherRows(others []Other) [][]string {
	if len(others) == 0 {
		return nil
	}
	rows := [][]string{{"OTHER MAPPING", "READY", "REASON", "DESIRED", "APPLIED"}}
	for _, o := range others {
		rows = append(rows, []string{o.Namespace + "/" + o.Mapping, text.YesNo(&o.Ready), o.Reason, groupList(o.Desired), groupList(o.Applied)})
	}
	return rows
}

func (p *printer) eventRows(events []Event) [][]string {
	if len(events) == 0 {
		return nil
	}
	rows := [][]string{{"EVENT", "TYPE", "OBJECT", "REASON", "MESSAGE"}}
	for _, e := range events {
		rows = append(rows, []string{duration.HumanDuration(p.now.Sub(e.Time)) + " ago", e.Type, e.Object, e.Reason, e.Message})
	}
	return rows
}

func suspended(yes bool) string {
	if yes {
		return ", suspended"
	}
	return ""
}

// maxListed bounds the groups of another mapping in a row.
const maxListed = 10

func groupList(groups []v1alpha1.AgentGroup) string {
	if len(groups) == 0 {
		return "-"
	}
	var list []string
	for _, g := range groups[:min(len(groups), maxListed)] {
		list = append(list, g.GroupID+"="+text.YesNo(&g.ReceiveCall))
	}
	if more := len(groups) - maxListed; more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, " ")
}
