package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/csvimport"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/effect"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/preview"
)

// previewEffect prints the calls that start and stop if the mappings are applied. It returns the messages about groups that lose
// their last receiver.
func (o *importOptions) previewEffect(mappings []*v1alpha1.AgentGroupMapping, live *cluster) ([]string, error) {
	now := time.Now()
	after, err := effect.Apply(live.Objects, effect.Objects{Mappings: asApplied(mappings, live.Objects)}, now)
	if err != nil {
		return nil, err
	}
	report, err := effect.Compute(live.Objects, after, effect.Options{Now: now, MayExist: live.mayExist})
	if err != nil {
		return nil, err
	}
	if err := preview.Changes(o.Out, preview.Document{Report: report, Notes: live.notes(after)}); err != nil {
		return nil, err
	}
	var lost []string
	for _, warning := range report.Warnings {
		if warning.Reason == effect.GroupWithoutReceiver {
			lost = append(lost, warning.Message)
		}
	}
	return lost, nil
}

// asApplied returns the mappings as the API server persists them: fields that an import does not set stay as they are.
func asApplied(mappings []*v1alpha1.AgentGroupMapping, live effect.Objects) []*v1alpha1.AgentGroupMapping {
	existing := csvimport.ByName(live.Mappings)
	var applied []*v1alpha1.AgentGroupMapping
	for _, mapping := range mappings {
		object := existing[types.NamespacedName{Namespace: mapping.Namespace, Name: mapping.Name}]
		if object == nil {
			applied = append(applied, mapping)
			continue
		}
		merged := object.DeepCopy()
		merged.Spec.Groups = mapping.Spec.Groups
		if mapping.Spec.RemovalPolicy != "" {
			merged.Spec.RemovalPolicy = mapping.Spec.RemovalPolicy
		}
		applied = append(applied, merged)
	}
	return applied
}

// confirm asks whether groups may lose their last receiver, unless --yes is set. It returns an error if they must not, or if no terminal
// is there to ask on.
func (o *importOptions) confirm(lost []string) error {
	switch {
	case len(lost) == 0 || o.yes:
		return nil
	case o.dryRun != "none":
		fmt.Fprintln(o.ErrOut, "To apply it, add --yes.")
		return nil
	}
	declined := fmt.Errorf("%s; nothing was changed: add --yes if this is intended", strings.Join(lost, "; "))
	if o.file == "-" || !isTerminal(o.In) || !isTerminal(o.ErrOut) {
		return declined
	}
	yes, err := ask(o.In, o.ErrOut, "Apply it anyway?")
	switch {
	case err != nil:
		return declined
	case !yes:
		return errors.New("nothing was changed")
	}
	return nil
}

// ask asks a question and reports whether the answer is yes. It returns an error if there is no answer.
func ask(in io.Reader, out io.Writer, question string) (bool, error) {
	fmt.Fprintf(out, "%s [y/N] ", question)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		fmt.Fprintln(out)
		return false, fmt.Errorf("read the answer: %w", err)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}
