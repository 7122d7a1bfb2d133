package api

import (
	"context"
	"fmt"
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

func TestCommandsOfTheReferencePagesSucceed(t *testing.T) {
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
			if err := eventuallySucceeds(t, strings.Fields(found[1]+" "+found[2])...); err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(page), found[0], err)
			}
		}
	}
	if run != 4 {
		t.Errorf("ran %d commands, want 4", run)
	}
}

// eventuallySucceeds retries kubectl until it succeeds, because the API server publishes the schema for kubectl explain some
// time after a CRD is established.
func eventuallySucceeds(t *testing.T, args ...string) error {
	t.Helper()
	var output string
	var failed error
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		output, failed = kubectl(t, "", args...)
		return failed == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w: %s", err, failed, output)
	}
	return nil
}
