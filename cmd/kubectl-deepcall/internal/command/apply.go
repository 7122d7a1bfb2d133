package command

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// fieldManager owns the fields that this plugin sets.
const fieldManager = "kubectl-deepcall"

// outcome is what became of an object.
type outcome string

const (
	created   outcome = "created"
	changed   outcome = "changed"
	unchanged outcome = "unchanged"
)

// applyAll applies every mapping, goes on after one that fails, and tells in the end which failed.
func (o *importOptions) applyAll(ctx context.Context, made []*v1alpha1.AgentGroupMapping) error {
	writer, err := o.client()
	if err != nil {
		return err
	}
	present, err := existingIn(ctx, writer, client.InNamespace(made[0].Namespace))
	if err != nil {
		return err
	}
	o.warnOfOthers(present, made)
	bar := progress{out: o.ErrOut, total: len(made), terminal: isTerminal(o.ErrOut)}
	counts := map[outcome]int{}
	var failed []string
	for _, mapping := range made {
		became, err := o.applyOne(ctx, writer, mapping, present.generations)
		if ctx.Err() != nil {
			break // counted below as left out
		}
		bar.clear()
		if err != nil {
			fmt.Fprintf(o.ErrOut, "%s: %v\n", named(mapping), explained(err))
			failed = append(failed, mapping.Name)
		} else {
			counts[became]++
			fmt.Fprintf(o.Out, "%s %s%s\n", named(mapping), became, dryRunNote(o.dryRun))
		}
		bar.step()
	}
	bar.clear()
	left := len(made) - bar.done
	fmt.Fprintf(o.ErrOut, "%d created, %d changed, %d unchanged, %d failed%s\n",
		counts[created], counts[changed], counts[unchanged], len(failed), dryRunNote(o.dryRun))
	switch {
	case left > 0:
		return fmt.Errorf("interrupted, with %s left; the same command goes on", counted(left, "mapping"))
	case len(failed) > 0:
		return fmt.Errorf("%s of %d failed: %s; the same command applies them again", counted(len(failed), "mapping"), len(made), strings.Join(failed, ", "))
	}
	return nil
}

// existing is what was there before.
type existing struct {
	generations map[string]int64      // of each name
	names       map[agentKey][]string // of each agent's mappings
}

type agentKey struct {
	account v1alpha1.AccountReference
	agentID string
}

func keyOf(mapping *v1alpha1.AgentGroupMapping) agentKey {
	account := mapping.Spec.AccountRef
	if account.Namespace == "" {
		account.Namespace = mapping.Namespace
	}
	return agentKey{account, mapping.Spec.AgentID}
}

func existingIn(ctx context.Context, reader client.Reader, scope client.InNamespace) (existing, error) {
	found, err := mappings(ctx, reader, scope)
	if err != nil {
		return existing{}, err
	}
	e := existing{generations: map[string]int64{}, names: map[agentKey][]string{}}
	for i := range found {
		e.generations[found[i].Name] = found[i].Generation
		e.names[keyOf(&found[i])] = append(e.names[keyOf(&found[i])], found[i].Name)
	}
	return e, nil
}

// warnOfOthers tells of agents that have a mapping of another name already: one of the two would be in conflict.
func (o *importOptions) warnOfOthers(present existing, made []*v1alpha1.AgentGroupMapping) {
	for _, mapping := range made {
		for _, name := range present.names[keyOf(mapping)] {
			if name != mapping.Name {
				fmt.Fprintf(o.ErrOut, "warning: agent %s has the mapping %s already; a group that both name is the older one's\n", mapping.Spec.AgentID, name)
			}
		}
	}
}

func (o *importOptions) applyOne(ctx context.Context, writer client.Client, mapping *v1alpha1.AgentGroupMapping, generations map[string]int64) (outcome, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(mapping)
	if err != nil {
		return "", fmt.Errorf("convert it: %w", err)
	}
	wanted := &unstructured.Unstructured{Object: fields}
	options := []client.ApplyOption{client.FieldOwner(fieldManager)}
	if o.force {
		options = append(options, client.ForceOwnership)
	}
	if o.dryRun == "server" {
		options = append(options, client.DryRunAll)
	}
	err = writer.Apply(ctx, client.ApplyConfigurationFromUnstructured(wanted), options...)
	if apierrors.IsConflict(err) {
		return "", fmt.Errorf("%w; --force-conflicts takes these fields over", err)
	}
	if err != nil {
		return "", err
	}
	// The generation moves with the spec alone, also in a dry run; the resource version also with who owns a field.
	before, there := generations[mapping.Name]
	switch {
	case !there:
		return created, nil
	case wanted.GetGeneration() != before:
		return changed, nil
	default:
		return unchanged, nil
	}
}
