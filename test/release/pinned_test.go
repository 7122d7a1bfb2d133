package release

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

func TestVerifyPinned(t *testing.T) {
	commit, digest := strings.Repeat("0a", 20), strings.Repeat("0a", 32)
	pinned := "- uses: actions/checkout@" + commit + " # v7"
	image := "FROM golang:1.26@sha256:" + digest
	cases := map[string]struct{ workflow, dockerfile, want string }{
		"all pinned":                   {pinned, image, ""},
		"an action of this repository": {pinned + "\n- uses: ./.github/actions/setup", image, ""},
		"an action in quotes":          {`- "uses": "actions/checkout@` + commit + `"`, image, ""},
		"an image as an action":        {"- uses: docker://alpine@sha256:" + digest, image, ""},
		"a comment":                    {pinned + "\n# uses: actions/checkout@v7", image, ""},
		"a stage and scratch":          {pinned, image + " AS build\nFROM build AS test\nFROM scratch", ""},
		"a platform and an argument": {
			pinned, "ARG GO=1.26\nFROM --platform=$BUILDPLATFORM golang:$GO@sha256:" + digest + " AS build", "",
		},
		"a tag": {
			pinned + "\n- uses: actions/setup-go@v7", image,
			".github/workflows/ci.yml:2: actions/setup-go@v7 is not pinned to a commit\n",
		},
		"a short commit": {
			"- uses: actions/checkout@" + commit[:7], image,
			".github/workflows/ci.yml:1: actions/checkout@" + commit[:7] + " is not pinned to a commit\n",
		},
		"a commit in the comment only": {
			"- uses: actions/checkout@v7 # @" + commit, image,
			".github/workflows/ci.yml:1: actions/checkout@v7 is not pinned to a commit\n",
		},
		"an action in flow style": {
			pinned + "\n- {uses: actions/setup-go@v7, name: Go}", image,
			".github/workflows/ci.yml:2: actions/setup-go@v7 is not pinned to a commit\n",
		},
		"a tag of an image as an action": {
			"- uses: docker://alpine:3", image,
			".github/workflows/ci.yml:1: docker://alpine:3 is not pinned to a digest\n",
		},
		"a tag of a base image": {
			pinned, image + " AS build\nfrom --platform=linux/amd64 gcr.io/distroless/static:nonroot as last",
			"Dockerfile:2: gcr.io/distroless/static:nonroot is not pinned to a digest\n",
		},
		"a stage that comes later": {
			pinned, "FROM build\n" + image + " AS build",
			"Dockerfile:1: build is not pinned to a digest\n",
		},
		"no action":     {"on: push", image, "found no action in .github\n"},
		"no base image": {pinned, "# empty", "found no base image in Dockerfile\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write(t, filepath.Join(root, ".github", "workflows", "ci.yml"), c.workflow)
			write(t, filepath.Join(root, "Dockerfile"), c.dockerfile)
			output, err := exec.CommandContext(context.Background(), filepath.Join(testenv.Root(), "hack", "verify-pinned.sh"), root).CombinedOutput()
			if string(output) != c.want || (err == nil) != (c.want == "") {
				t.Errorf("got %q (%v), want %q", output, err, c.want)
			}
		})
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}
