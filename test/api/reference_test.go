package api

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

var command = regexp.MustCompile("`kubectl ([a-z]+) ((?:agm|dca)[^`]*)`")

func TestCommandsOfTheReferencePagesSucceed(t *testing.T) {
	g := NewWithT(t)
	pages, err := filepath.Glob(filepath.Join(testenv.Root(), "docs", "reference", "*.md"))
	g.Expect(err).NotTo(HaveOccurred())
	run := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		g.Expect(err).NotTo(HaveOccurred())
		for _, found := range command.FindAllStringSubmatch(string(text), -1) {
			run++
			// The API server publishes the schema for kubectl explain some time after a CRD is established.
			g.Eventually(func() error {
				output, err := kubectl("", strings.Fields(found[1]+" "+found[2])...)
				if err != nil {
					return fmt.Errorf("%w: %s", err, output)
				}
				return nil
			}).WithTimeout(time.Minute).WithPolling(200*time.Millisecond).Should(Succeed(), "%s: %s", filepath.Base(page), found[0])
		}
	}
	if run != 4 {
		t.Errorf("ran %d commands, want 4", run)
	}
}
