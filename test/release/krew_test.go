package release

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// krewPlugin is a krew manifest.
type krewPlugin struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Version          string `json:"version"`
		Homepage         string `json:"homepage"`
		ShortDescription string `json:"shortDescription"`
		Description      string `json:"description"`
		Caveats          string `json:"caveats"`
		Platforms        []struct {
			Selector struct {
				MatchLabels struct {
					OS   string `json:"os"`
					Arch string `json:"arch"`
				} `json:"matchLabels"`
			} `json:"selector"`
			URI    string `json:"uri"`
			SHA256 string `json:"sha256"`
			Bin    string `json:"bin"`
		} `json:"platforms"`
	} `json:"spec"`
}

func TestKrewManifestMatchesTheArchives(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(testenv.Root(), "config", "krew", "deepcall.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var plugin krewPlugin
	if err := yaml.UnmarshalStrict(text, &plugin); err != nil {
		t.Fatal(err)
	}
	spec := plugin.Spec
	if plugin.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || plugin.Kind != "Plugin" || plugin.Metadata.Name != "deepcall" {
		t.Errorf("got %s %s %s", plugin.APIVersion, plugin.Kind, plugin.Metadata.Name)
	}
	if spec.Version != "VERSION" || spec.ShortDescription == "" || len(spec.ShortDescription) > 50 || spec.Description == "" || spec.Homepage == "" {
		t.Errorf("got %+v", spec)
	}
	var platforms []string
	for _, p := range spec.Platforms {
		platform := p.Selector.MatchLabels.OS + "-" + p.Selector.MatchLabels.Arch
		platforms = append(platforms, platform)
		bin := "kubectl-deepcall"
		if p.Selector.MatchLabels.OS == "windows" {
			bin += ".exe"
		}
		if p.Bin != bin || p.SHA256 != "SHA256-"+platform || !strings.HasSuffix(p.URI, "/VERSION/kubectl-deepcall-"+platform+".tar.gz") {
			t.Errorf("%s: got %+v", platform, p)
		}
	}
	if got := strings.Join(platforms, " "); got != "linux-amd64 linux-arm64 darwin-amd64 darwin-arm64 windows-amd64" {
		t.Errorf("got platforms %s", got)
	}
	if found := len(regexp.MustCompile(`SHA256-\S+`).FindAllString(string(text), -1)); found != len(platforms) {
		t.Errorf("release.sh would build %d platforms, want %d", found, len(platforms))
	}
}
