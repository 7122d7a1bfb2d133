package command

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/resource"
)

func TestPrintPatchedReportsAFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = full.Close() }()
	o := newTargetOptions(newFactory(genericiooptions.IOStreams{Out: full, ErrOut: io.Discard}))
	m := syncedMapping(7)
	info := &resource.Info{Mapping: &meta.RESTMapping{GroupVersionKind: mappingKind}, Namespace: m.Namespace, Name: m.Name, Object: &m}
	if err := o.printPatched(info, &m, "suspended"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
}
