package command

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"
)

// outputFlags select the output format of a command: one of its own for people, or one of kubectl's.
type outputFlags struct {
	*genericclioptions.PrintFlags
	formats []string
	// printer is that of kubectl's format. It counts objects to separate YAML documents.
	printer printers.ResourcePrinter
}

// newOutputFlags returns the flags of a command with these formats of its own. The first one is the default.
func newOutputFlags(formats ...string) *outputFlags {
	flags := genericclioptions.NewPrintFlags("").WithTypeSetter(scheme).WithDefaultOutput(formats[0])
	return &outputFlags{PrintFlags: flags, formats: formats}
}

// withoutName removes the format name, for a command whose output is about no single object.
func (f *outputFlags) withoutName() *outputFlags {
	f.NamePrintFlags = nil
	return f
}

func (f *outputFlags) addFlags(cmd *cobra.Command) {
	f.AddFlags(cmd)
	cmd.Flag("output").Usage = fmt.Sprintf("Output format: %s.", strings.Join(f.allFormats(), ", "))
	registerChoices(cmd, "output", f.allFormats()...)
}

func (f *outputFlags) allFormats() []string {
	return slices.DeleteFunc(slices.Concat(f.formats, f.AllowedFormats()), func(format string) bool { return format == "" })
}

func (f *outputFlags) validate() error {
	if f.isOneOf(f.formats...) {
		return nil
	}
	_, err := f.ToPrinter()
	if genericclioptions.IsNoCompatiblePrinterError(err) {
		return fmt.Errorf("invalid --output %q: must be one of %s", *f.OutputFormat, strings.Join(f.allFormats(), ", "))
	}
	return err
}

// isOneOf reports whether one of the formats is selected. --template without --output selects none of the command's own.
func (f *outputFlags) isOneOf(formats ...string) bool {
	if *f.TemplatePrinterFlags.TemplateArgument != "" && !f.OutputFlagSpecified() {
		return false
	}
	return slices.Contains(formats, *f.OutputFormat)
}

// printObject prints an object of the cluster in one of kubectl's formats.
func (f *outputFlags) printObject(w io.Writer, object runtime.Object) error {
	if f.printer == nil {
		printer, err := f.ToPrinter()
		if err != nil {
			return err
		}
		f.printer = printer
	}
	return f.printer.PrintObj(object, w)
}

// printDocument prints a document that is no object of the cluster in one of kubectl's formats.
func (f *outputFlags) printDocument(w io.Writer, document any) error {
	data, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("encode the document: %w", err)
	}
	object := &unstructured.Unstructured{}
	if err := json.Unmarshal(data, &object.Object); err != nil {
		return fmt.Errorf("decode the document: %w", err)
	}
	return f.printObject(w, object)
}
