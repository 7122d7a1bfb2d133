package reliability

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/deepcall/deepcall-operator/test/testenv"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// sinks are all texts of a world in which no credential may be: what its managers logged at the highest
// verbosity, every version of every object, and the events.
func (w *world) sinks() map[string]string {
	sinks := map[string]string{"a log": w.log.String(), "an object": w.history.text()}
	for _, namespace := range w.namespaces {
		var events eventsv1.EventList
		w.must(admin.List(w.context, &events, client.InNamespace(namespace)))
		sinks["an event"] += fmt.Sprintf("%+v\n", events.Items)
	}
	return sinks
}

// revealed holds I8: it tells in which sink which form of which secret is.
func revealed(sinks map[string]string, secrets []string) []string {
	var broken []string
	for _, sink := range slices.Sorted(maps.Keys(sinks)) {
		for i, secret := range secrets {
			if forms := testenv.Reveals(sinks[sink], secret); len(forms) > 0 {
				slices.Sort(forms)
				broken = append(broken, fmt.Sprintf("I8: credential %d is in %s: %s", i, sink, strings.Join(forms, ", ")))
			}
		}
	}
	return broken
}
