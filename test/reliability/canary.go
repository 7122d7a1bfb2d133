package reliability

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// Every canary of a story begins and ends with this mark, so that one look finds any of them. What a test
// plants has a mark of its own, since etcd keeps it.
const (
	canaryMark  = "C4naryOfManyStoriesXY"
	plantedMark = "Pl4ntedByTheTestItself"
)

func newCanary(mark string) string { return testenv.Canary(mark + rand.Text() + mark) }

// sinks are the texts of a world in which no credential may be: what its managers logged at the highest
// verbosity, every version of every mapping and account, and the events.
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

// inEtcd tells which objects in etcd, but for Secrets, hold a credential of any run so far, and how many
// versions of objects were looked at. Of the canaries it looks for the mark.
func inEtcd(ctx context.Context, mark string) (broken []string, looked int, err error) {
	needles := map[string]string{}
	for name, secret := range map[string]string{
		"a canary": testenv.Canary(mark), "the user": userID, "the token": token, "the next token": nextToken,
	} {
		for form, text := range testenv.Forms(secret) {
			needles[name+", "+form] = text
		}
	}
	secrets := 0
	err = plane.Stored(ctx, func(key string, value []byte) {
		if strings.HasPrefix(key, "/registry/secrets/") {
			secrets++
			return
		}
		looked++
		text := string(value)
		for name, needle := range needles {
			if strings.Contains(text, needle) {
				broken = append(broken, fmt.Sprintf("I8: in etcd, %s holds %s", key, name))
			}
		}
	})
	if err == nil && secrets == 0 {
		return nil, 0, fmt.Errorf("there are no Secrets in etcd, among %d objects", looked)
	}
	slices.Sort(broken)
	return slices.Compact(broken), looked, err
}
