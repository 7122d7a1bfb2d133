// Command image writes container images without a container engine or a registry. Each image consists of one static
// binary on a file system like that of the Dockerfile's base image.
//
//	image FILE NAME=BINARY...
//
// FILE is a new tar file in the format of docker save. Containers run as the USER of the Dockerfile in the current
// directory; their entrypoint is the binary, in the root directory.
package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// baseFiles are the files of the base image that Go programs read.
var baseFiles = map[string]string{
	"etc/passwd":        "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n",
	"etc/group":         "root:x:0:\nnonroot:x:65532:\n",
	"etc/nsswitch.conf": "hosts: files dns\n",
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: image FILE NAME=BINARY...")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(file string, arguments []string) error {
	user, err := userOf("Dockerfile")
	if err != nil {
		return err
	}
	images := map[name.Tag]v1.Image{}
	for _, arg := range arguments {
		tagName, binary, _ := strings.Cut(arg, "=")
		tag, err := name.NewTag(tagName)
		if err != nil {
			return err
		}
		if images[tag], err = build(binary, user); err != nil {
			return fmt.Errorf("image %s: %w", tag, err)
		}
	}
	return tarball.MultiWriteToFile(file, images)
}

// userOf returns the last USER of a Dockerfile.
func userOf(dockerfile string) (string, error) {
	text, err := os.ReadFile(dockerfile)
	if err != nil {
		return "", err
	}
	user := ""
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "USER "); ok {
			user = strings.TrimSpace(rest)
		}
	}
	if user == "" {
		return "", fmt.Errorf("%s has no USER", dockerfile)
	}
	return user, nil
}

func build(binary, user string) (v1.Image, error) {
	content, err := layerOf(binary)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config.User = user
	config.Config.Entrypoint = []string{"/" + filepath.Base(binary)}
	config.Config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	return mutate.ConfigFile(image, config)
}

// layerOf returns a tar file with the base files and the binary in the root directory.
func layerOf(binary string) ([]byte, error) {
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	if err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}); err != nil {
		return nil, err
	}
	for name, text := range baseFiles {
		if err := add(writer, name, 0o644, []byte(text)); err != nil {
			return nil, err
		}
	}
	if err := add(writer, filepath.Base(binary), 0o755, program); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

func add(writer *tar.Writer, name string, mode int64, content []byte) error {
	if err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := writer.Write(content)
	return err
}
