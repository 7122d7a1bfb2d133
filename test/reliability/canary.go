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

// Canaries of generated operations begin and end with canaryMark, so that one search finds all of them. Canaries that
// a test leaks on purpose have a mark of their own, since they stay in etcd.
const (
	canaryMark = "C4naryOfManyOperation"
	leakedMark = "Le4kedByTheTestItself"
)

func newCanary(mark string) string { return testenv.Canary(mark + rand.Text() + mark) }

// sinks returns the texts that must not contain a credential: the manager's logs at the highest verbosity, every
// version of every mapping and account, and the events.
func (env *environment) sinks() map[string]string {
	sinks := map[string]string{"a log": env.log.String(), "an object": env.history.text()}
	for _, namespace := range env.namespaces {
		var events eventsv1.EventList
		env.must(k8sClient.List(env.ctx, &events, client.InNamespace(namespace)))
		sinks["an event"] += fmt.Sprintf("%+v\n", events.Items)
	}
	return sinks
}

// findCredentials checks I8: it returns the sinks that contain a secret, and in which forms.
func findCredentials(sinks map[string]string, secrets []string) []string {
	var violations []string
	for _, sink := range slices.Sorted(maps.Keys(sinks)) {
		for i, secret := range secrets {
			if forms := testenv.Reveals(sinks[sink], secret); len(forms) > 0 {
				slices.Sort(forms)
				violations = append(violations, fmt.Sprintf("I8: credential %d is in %s: %s", i, sink, strings.Join(forms, ", ")))
			}
		}
	}
	return violations
}

// findInEtcd returns the objects in etcd, except Secrets, that contain a credential of any run so far, and how many
// versions of objects it searched. It finds canaries by their mark.
func findInEtcd(ctx context.Context, mark string) (violations []string, searched int, err error) {
	needles := map[string]string{}
	for name, secret := range map[string]string{
		"a canary": testenv.Canary(mark), "the user": userID, "the token": token, "the next token": nextToken,
	} {
		for form, text := range testenv.Forms(secret) {
			needles[name+", "+form] = text
		}
	}
	secrets := 0
	err = controlPlane.Stored(ctx, func(key string, value []byte) {
		if strings.HasPrefix(key, "/registry/secrets/") {
			secrets++
			return
		}
		searched++
		text := string(value)
		for name, needle := range needles {
			if strings.Contains(text, needle) {
				violations = append(violations, fmt.Sprintf("I8: in etcd, %s contains %s", key, name))
			}
		}
	})
	if err == nil && secrets == 0 {
		return nil, 0, fmt.Errorf("etcd contains no Secrets among %d objects", searched)
	}
	slices.Sort(violations)
	return slices.Compact(violations), searched, err
}
