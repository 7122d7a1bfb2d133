//go:build long

package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

var (
	version  = os.Getenv("VERSION")
	revision = os.Getenv("REVISION")
	released = filepath.Join(testenv.Root(), "dist", "release")
)

// program is a program of an archive.
type program struct{ name, archive, platform string }

// programs returns all programs of the release: the manager of PLATFORMS, and the plugin of krew's platforms.
func programs() []program {
	var all []program
	for platform := range strings.SplitSeq(os.Getenv("PLATFORMS"), ",") {
		platform = strings.ReplaceAll(platform, "/", "-")
		all = append(all, program{"manager", "deepcall-operator-" + platform, platform})
	}
	for _, platform := range []string{"linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64", "windows-amd64"} {
		p := program{"kubectl-deepcall", "kubectl-deepcall-" + platform, platform}
		if platform == "windows-amd64" {
			p.name += ".exe"
		}
		all = append(all, p)
	}
	return all
}

// charts returns the names of the packaged charts.
func charts(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(testenv.Root(), "config", "chart*", "Chart.yaml"))
	if err != nil || len(found) == 0 {
		t.Fatalf("found no charts: %v", err)
	}
	var names []string
	for _, file := range found {
		var chart struct{ Name string }
		if err := yaml.Unmarshal(read(t, file), &chart); err != nil {
			t.Fatal(err)
		}
		names = append(names, chart.Name+"-"+strings.TrimPrefix(version, "v")+".tgz")
	}
	return names
}

func TestReleaseIsComplete(t *testing.T) {
	want := append(charts(t), "agentgroupmapping_v1alpha1.json", "checksums.txt", "deepcall.yaml", "deepcallaccount_v1alpha1.json", "install.yaml")
	for _, p := range programs() {
		want = append(want, p.archive+".tar.gz", p.archive+".cdx.json")
	}
	got := files(t, released)
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%s is missing", name)
		}
	}
	for _, name := range got {
		if !slices.Contains(want, name) {
			t.Errorf("%s is not expected", name)
		}
	}
}

func TestReleaseChecksums(t *testing.T) {
	output := run(t, released, "sha256sum", "--check", "--strict", "checksums.txt")
	for _, name := range files(t, released) {
		if name != "checksums.txt" && !strings.Contains(output, name+": OK\n") {
			t.Errorf("checksums.txt does not contain %s", name)
		}
	}
}

func TestReleasePrograms(t *testing.T) {
	native := 0
	for _, p := range programs() {
		t.Run(p.archive, func(t *testing.T) {
			directory := t.TempDir()
			archive := filepath.Join(released, p.archive+".tar.gz")
			if got, want := run(t, released, "tar", "--list", "--file="+archive), "LICENSE\n"+p.name+"\n"; got != want {
				t.Fatalf("the archive contains %q, want %q", got, want)
			}
			run(t, directory, "tar", "--extract", "--file="+archive)
			content := read(t, filepath.Join(directory, p.name))

			var sbom struct {
				Metadata struct {
					Component  struct{ Version string }
					Properties []struct{ Name, Value string }
				}
				Components []struct {
					Name     string
					Evidence struct{ Licenses []any }
				}
			}
			if err := json.Unmarshal(read(t, filepath.Join(released, p.archive+".cdx.json")), &sbom); err != nil {
				t.Fatal(err)
			}
			if got := sbom.Metadata.Component.Version; got != version {
				t.Errorf("the SBOM describes version %q, want %q", got, version)
			}
			if hash := (struct{ Name, Value string }{"cdx:gomod:binary:hash:SHA-256", sum(content)}); !slices.Contains(sbom.Metadata.Properties, hash) {
				t.Errorf("the SBOM does not describe a program with the hash %s", hash.Value)
			}
			if len(sbom.Components) < 10 {
				t.Errorf("the SBOM lists only %d modules", len(sbom.Components))
			}
			for _, module := range sbom.Components {
				if len(module.Evidence.Licenses) == 0 && module.Name != "github.com/cenkalti/backoff/v5" { // its license is not detected
					t.Errorf("the SBOM lists no license of %s", module.Name)
				}
			}

			if p.platform != runtime.GOOS+"-"+runtime.GOARCH {
				return
			}
			native++
			output := run(t, directory, "./"+p.name, "--version")
			if !strings.Contains(output, version) || !strings.Contains(output, revision) {
				t.Errorf("--version prints %q, want %s and %s", output, version, revision)
			}
		})
	}
	if native == 0 {
		t.Errorf("no program runs on this platform, %s-%s", runtime.GOOS, runtime.GOARCH)
	}
}

func TestReleaseKrewManifest(t *testing.T) {
	var plugin krewPlugin
	if err := yaml.UnmarshalStrict(read(t, filepath.Join(released, "deepcall.yaml")), &plugin); err != nil {
		t.Fatal(err)
	}
	if plugin.Spec.Version != version || len(plugin.Spec.Platforms) != 5 {
		t.Errorf("got version %s and %d platforms, want %s and 5", plugin.Spec.Version, len(plugin.Spec.Platforms), version)
	}
	for _, platform := range plugin.Spec.Platforms {
		name, found := strings.CutPrefix(platform.URI, "https://github.com/deepcall/deepcall-operator/releases/download/"+version+"/")
		if !found {
			t.Errorf("%s is not a file of the release %s", platform.URI, version)
			continue
		}
		if got := sum(read(t, filepath.Join(released, name))); platform.SHA256 != got {
			t.Errorf("%s has the checksum %s, want %s", name, platform.SHA256, got)
		}
	}
}

func TestReleaseManifestsHaveTheImage(t *testing.T) {
	image := "ghcr.io/deepcall/deepcall-operator:" + version
	helm := filepath.Join(testenv.Root(), "bin", "helm")
	chart := "deepcall-operator-" + strings.TrimPrefix(version, "v") + ".tgz"
	for name, manifests := range map[string]string{
		"install.yaml": string(read(t, filepath.Join(released, "install.yaml"))),
		chart:          run(t, released, helm, "template", "deepcall-operator", chart),
	} {
		if got := strings.Count(strings.ReplaceAll(manifests, `"`, ""), " image: "+image+"\n"); got != 1 {
			t.Errorf("%s has %d containers with the image %s, want 1", name, got, image)
		}
		if got := strings.Count(manifests, "\nkind: CustomResourceDefinition\n"); got != 2 {
			t.Errorf("%s has %d CRDs, want 2", name, got)
		}
	}
}

func TestReleaseIsReproducible(t *testing.T) {
	again := filepath.Join(t.TempDir(), "release")
	run(t, testenv.Root(), "hack/release.sh", again)
	for _, name := range files(t, released) {
		if !bytes.Equal(read(t, filepath.Join(released, name)), read(t, filepath.Join(again, name))) {
			t.Errorf("%s differs from a second one", name)
		}
	}
}

// run runs a command and returns its output.
func run(t *testing.T, directory, name string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(context.Background(), name, args...)
	command.Dir = directory
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, output)
	}
	return string(output)
}

func files(t *testing.T, directory string) []string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:])
}
