package api

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

var command = regexp.MustCompile("`kubectl ([a-z]+) ((?:agm|dca)[^`]*)`")

func TestTheCommandsOfTheReferenceWork(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(testenv.Root(), "docs", "reference", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	run := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range command.FindAllStringSubmatch(string(text), -1) {
			run++
			if got := eventuallyWorks(t, strings.Fields(found[1]+" "+found[2])...); got != "" {
				t.Errorf("%s: %s: %s", filepath.Base(page), found[0], got)
			}
		}
	}
	if run != 4 {
		t.Errorf("ran %d commands, want 4", run)
	}
}

// eventuallyWorks is what kubectl last said if it failed: the API server publishes what kubectl explain
// reads a while after a CRD is established.
func eventuallyWorks(t *testing.T, args ...string) string {
	t.Helper()
	var said string
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		got, err := kubectl(t, "", args...)
		said = got
		return err == nil, nil
	})
	if err == nil {
		return ""
	}
	return said + err.Error()
}
