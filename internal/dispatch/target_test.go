package dispatch

import (
	"fmt"
	"testing"
	"testing/synctest"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

func TestUserHash(t *testing.T) {
	withHarness(t, "is that of the credentials in force, salted with the account's UID", generous, success, func(t *testing.T, h *harness) {
		h.reconfigure(func(c *Config) { c.UID = "a" })
		hash := h.health().UserHash
		expect(t, "hash", hash, credentials(t, "1001").UserHash("a"))
		h.reconfigure(func(c *Config) { c.Credentials = credentials(t, "1002") })
		expect(t, "hash of another user", h.health().UserHash, credentials(t, "1002").UserHash("a"))
		h.reconfigure(func(c *Config) { c.UID, c.Credentials = "b", credentials(t, "1001") })
		expect(t, "hash with another UID", h.health().UserHash, credentials(t, "1001").UserHash("b"))
	})

	runInFakeTime(t, "is unknown without a Secret, and recorded for a removal with the last credentials", func(t *testing.T) {
		h := newHarness(t, generous, always(success))
		hash := h.health().UserHash
		h.reconfigure(deleteSecret)
		expect(t, "hash without a Secret", h.health().UserHash, "")
		expect(t, "hash of the result", h.send("1", Ask{Priority: Edit, Removal: true}).UserHash, hash)
	})

	withHarness(t, "of a result is that of the request's start", generous, success.in(1), func(t *testing.T, h *harness) {
		hash := h.health().UserHash
		results := h.launch("1", edit)
		h.reconfigure(func(c *Config) { c.Credentials = credentials(t, "1002") })
		expect(t, "hash", (<-results).UserHash, hash)
	})
}

func TestDuplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := types.NamespacedName{Namespace: "sales", Name: "other"}
		changed := map[types.NamespacedName]int{}
		h := newHarness(t, generous, always(success))
		h.options.EnqueueAccount = func(name types.NamespacedName) { changed[name]++ }
		check := func(what string, want int) {
			t.Helper()
			for name, duplicate := range map[types.NamespacedName]types.NamespacedName{acme: other, other: acme} {
				health, exists := h.Health(name)
				if !exists {
					continue
				}
				duplicates := []types.NamespacedName{}
				if want > 0 {
					duplicates = append(duplicates, duplicate)
				}
				expect(t, what+": the duplicates of "+name.Name, fmt.Sprint(h.Duplicates(name)), fmt.Sprint(duplicates))
				expect(t, what+": the number of those of "+name.Name, health.Duplicates, want)
				expect(t, what+": that in all health of "+name.Name, h.HealthByAccount()[name].Duplicates, want)
			}
		}
		check("one account", 0)

		expect(t, "returned by Configure", h.Configure(other, h.config("1001", generous)).Duplicates, 1)
		check("the same user", 1)
		expect(t, "enqueued", changed[acme], 1)
		clear(changed)

		config := h.config("1001", generous)
		h.Configure(other, config)
		config.Endpoint += "/"
		h.Configure(other, config)
		check("another notation of the endpoint", 1)
		expect(t, "enqueued without a change", changed[acme], 0)

		deleteSecret(&config)
		h.Configure(other, config)
		check("without a Secret, when removals are still sent", 1)
		expect(t, "enqueued without a Secret", changed[acme], 0)

		for what, change := range map[string]func(*Config){
			"another user":     func(c *Config) { c.Credentials = credentials(t, "1002") },
			"another endpoint": func(c *Config) { c.Endpoint = otherEndpoint },
			"an invalid spec":  func(c *Config) { c.Client, c.SpecError = nil, ConfigError{Reason: "InvalidCABundle"} },
			"a session": func(c *Config) {
				c.Credentials, _ = deepcall.ParseCredentials(map[string][]byte{"ssid": []byte("1001")})
			},
		} {
			h.Configure(other, h.config("1001", generous))
			clear(changed)
			config := h.config("1001", generous)
			change(&config)
			h.Configure(other, config)
			check(what, 0)
			expect(t, "enqueued after "+what, changed[acme], 1)
		}

		h.Configure(other, h.config("1001", generous))
		clear(changed)
		h.Remove(other)
		check("removed", 0)
		expect(t, "enqueued after the removal", changed[acme], 1)
	})
}
