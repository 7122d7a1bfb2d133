package leader

import (
	"cmp"
	"testing"
	"time"
)

// A standby observes the other process through reads at certain times. By default, the clocks of both start at 0.
func TestLock_acquires_an_expired_lease(t *testing.T) {
	type read struct {
		at      time.Duration
		renewed time.Duration // by the holder's clock
		holder  string        // other if empty
	}
	const blind = 90 * time.Second
	for name, c := range map[string]struct {
		reads []read
		want  bool // whether the last read shows the lease as released
	}{
		"not at the first read, since the clocks differ": {[]read{{at: time.Hour}}, false},
		"not before the lease duration":                  {[]read{{}, {at: leaseDuration}}, false},
		"after the lease duration without a renewal":     {[]read{{}, {at: leaseDuration + 1}}, true},
		"not while the holder renews it": {
			[]read{{}, {at: 20 * time.Second, renewed: 20 * time.Second}, {at: 40 * time.Second, renewed: 40 * time.Second}}, false,
		},
		"not at the first read after an outage": {[]read{{}, {at: blind, renewed: 2 * time.Second}}, false},
		"at the second read after an outage, if it was not renewed between them": {
			[]read{{}, {at: blind, renewed: 2 * time.Second}, {at: blind + 3*time.Second, renewed: 2 * time.Second}}, true,
		},
		"not if it was renewed between them, by a holder whose clock was set back": {
			[]read{{}, {at: blind, renewed: 2 * time.Second}, {at: blind + 3*time.Second, renewed: 5 * time.Second}}, false,
		},
		"not if the holder was reached during the outage": {
			[]read{{}, {at: blind, renewed: blind - 2*time.Second}, {at: blind + 3*time.Second, renewed: blind - 2*time.Second}}, false,
		},
		"not early if the holder's clock was set back": {
			[]read{{renewed: time.Hour}, {at: blind, renewed: time.Minute}, {at: blind + 3*time.Second, renewed: time.Minute}}, false,
		},
		"not early if the holder's clock was set forward": {
			[]read{{}, {at: blind, renewed: time.Hour}, {at: blind + 3*time.Second, renewed: time.Hour}}, false,
		},
		"not early if the holder has changed": {
			[]read{{}, {at: blind, renewed: 2 * time.Second, holder: "third"}, {at: blind + 3*time.Second, renewed: 2 * time.Second, holder: "third"}}, false,
		},
		"not early if two processes created the lease for an unknown leader": {
			[]read{
				{holder: unknownLeader},
				{at: blind, renewed: 2 * time.Second, holder: unknownLeader},
				{at: blind + 3*time.Second, renewed: 2 * time.Second, holder: unknownLeader},
			}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			start, holder := h.now, ""
			for _, read := range c.reads {
				h.now = start + read.at
				h.lease.renewed = time.Unix(0, 0).Add(read.renewed)
				h.set(cmp.Or(read.holder, other))
				record, _, err := h.Get(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				holder = record.HolderIdentity
			}
			if (holder == "") != c.want {
				t.Errorf("the holder is %q, want it released: %t", holder, c.want)
			}
		})
	}
}
