package chart

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// chartMetadata is the part of a Chart.yaml that the tests read.
type chartMetadata struct {
	Version, AppVersion, KubeVersion string
	Annotations                      map[string]string
}

func readChart(t *testing.T, chart string) chartMetadata {
	t.Helper()
	var metadata chartMetadata
	NewWithT(t).Expect(sigsyaml.Unmarshal([]byte(readFile(t, chart, "Chart.yaml")), &metadata)).To(Succeed())
	return metadata
}

// annotation decodes an annotation of the chart for Artifact Hub.
func annotation[T any](t *testing.T, name string) T {
	t.Helper()
	var decoded T
	text := readChart(t, chart).Annotations["artifacthub.io/"+name]
	if err := sigsyaml.UnmarshalStrict([]byte(text), &decoded); err != nil || text == "" {
		t.Fatalf("artifacthub.io/%s: got %v from %q", name, err, text)
	}
	return decoded
}

func TestChartsHaveTheSameVersion(t *testing.T) {
	operator, onlyCRDs := readChart(t, chart), readChart(t, crdChart)
	if operator.Version != onlyCRDs.Version || operator.AppVersion != onlyCRDs.AppVersion || operator.KubeVersion != onlyCRDs.KubeVersion {
		t.Errorf("got the versions %+v and %+v", operator, onlyCRDs)
	}
	NewWithT(t).Expect(operator.AppVersion).To(Equal("v"+operator.Version), "the chart %s has the appVersion %s", operator.Version, operator.AppVersion)
}

func TestArtifactHubListsTheCRDs(t *testing.T) {
	type listed struct{ Kind, Version, Name, DisplayName, Description string }
	var want []string
	for _, crd := range renderCRDs(t, chart, "") {
		for _, version := range field(t, crd, "spec", "versions").([]any) {
			want = append(want, fmt.Sprint(field(t, crd, "spec", "names", "kind"), " ", version.(map[string]any)["name"], " ", crd.GetName()))
		}
	}
	var got []string
	for _, crd := range annotation[[]listed](t, "crds") {
		got = append(got, crd.Kind+" "+crd.Version+" "+crd.Name)
		if crd.DisplayName == "" || crd.Description == "" {
			t.Errorf("%s has no display name or no description", crd.Kind)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	NewWithT(t).Expect(got).To(Equal(want))
}

func TestArtifactHubShowsTheSamples(t *testing.T) {
	got := map[string]any{}
	for _, example := range annotation[[]map[string]any](t, "crdsExamples") {
		got[example["kind"].(string)] = example
	}
	want := map[string]any{}
	for _, file := range []string{"account.yaml", "mapping.yaml"} {
		for _, sample := range parse(t, readFile(t, testenv.Root(), "config", "samples", file)) {
			if sample.GetKind() != "Secret" {
				want[sample.GetKind()] = sample.Object
			}
		}
	}
	NewWithT(t).Expect(got).To(Equal(want))
}

func TestArtifactHubListsTheImage(t *testing.T) {
	images := annotation[[]struct{ Name, Image string }](t, "images")
	want := container(t, render(t, operatorRelease, "").only(t, "Deployment"))["image"]
	if len(images) != 1 || images[0].Image != want {
		t.Errorf("got the images %v, want %v", images, want)
	}
}

func TestArtifactHubAnnotationsAreValid(t *testing.T) {
	NewWithT(t).Expect(readFile(t, testenv.Root(), "LICENSE")).To(ContainSubstring("Apache License"), "LICENSE is not the Apache License")
	for _, path := range []string{chart, crdChart} {
		annotations := readChart(t, path).Annotations
		if annotations["artifacthub.io/license"] != "Apache-2.0" || annotations["artifacthub.io/category"] != "integration-delivery" {
			t.Errorf("%s: got %v", path, annotations)
		}
	}

	type link struct{ Name, URL string }
	links := annotation[[]link](t, "links")
	for _, change := range annotation[[]struct {
		Kind, Description string
		Links             []link
	}](t, "changes") {
		if !slices.Contains([]string{"added", "changed", "deprecated", "removed", "fixed", "security"}, change.Kind) || change.Description == "" {
			t.Errorf("Artifact Hub rejects the change %v", change)
		}
		links = append(links, change.Links...)
	}
	for _, link := range links {
		if file, inRepository := strings.CutPrefix(link.URL, "https://github.com/deepcall/deepcall-operator/blob/main/"); inRepository {
			if _, err := os.Stat(filepath.Join(testenv.Root(), file)); err != nil {
				t.Errorf("%s: %v", link.Name, err)
			}
		} else if !strings.HasPrefix(link.URL, "https://") {
			t.Errorf("%s: got the URL %q", link.Name, link.URL)
		}
	}
}
