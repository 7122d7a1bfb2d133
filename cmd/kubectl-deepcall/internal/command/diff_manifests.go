package command

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/effect"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/manifest"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

// manifestSource is where manifests are read from, as kubectl's flags define it.
type manifestSource struct {
	filenames []string
	recursive bool
	kustomize string
}

// at returns the source of the same kind at another path.
func (s manifestSource) at(path string) manifestSource {
	if s.kustomize != "" {
		return manifestSource{kustomize: path}
	}
	return manifestSource{filenames: []string{path}, recursive: s.recursive}
}

// document is an object of a manifest, with the file that it comes from.
type document struct {
	*unstructured.Unstructured
	file string
}

// manifestReader reads manifests as kubectl apply does.
type manifestReader struct {
	*diffOptions
	converter *manifest.Converter
	// namespace is that of objects without one. If it is explicit, other objects must have it, too.
	namespace string
	explicit  bool
	// visited are the namespaces of all objects that were read, of any kind, if --prune is set.
	visited map[string]bool
}

func (o *diffOptions) newManifestReader() (*manifestReader, error) {
	converter, err := manifest.NewConverter()
	if err != nil {
		return nil, err
	}
	namespace, explicit, err := o.ToRawKubeConfigLoader().Namespace()
	return &manifestReader{o, converter, namespace, explicit, map[string]bool{}}, err
}

// read returns the mappings, accounts and Namespaces of a source.
func (r *manifestReader) read(source manifestSource) ([]document, error) {
	builder := resource.NewLocalBuilder().Unstructured().Flatten().LabelSelectorParam(r.selector)
	options := resource.FilenameOptions{Recursive: source.recursive, Kustomize: source.kustomize}
	for _, path := range source.filenames {
		switch empty, err := isEmpty(path, source.recursive); {
		case err != nil:
			return nil, err
		case path == "-":
			builder.Stream(r.In, "standard input")
		case !empty:
			options.Filenames = append(options.Filenames, path)
		}
	}
	if len(options.Filenames) > 0 || options.Kustomize != "" {
		builder.FilenameParam(false, &options)
	} else if !slices.Contains(source.filenames, "-") {
		return nil, nil
	}
	var documents []document
	err := builder.Do().Visit(func(info *resource.Info, err error) error {
		if err != nil {
			return err
		}
		object := info.Object.(*unstructured.Unstructured)
		if r.prune {
			if err := r.visit(object); err != nil {
				return err
			}
		}
		if r.converter.IsOurs(object) {
			object.SetNamespace(cmp.Or(object.GetNamespace(), r.namespace))
			documents = append(documents, document{object, info.Source})
		} else if isNamespace(object) {
			documents = append(documents, document{object, info.Source})
		}
		return nil
	})
	return documents, err
}

// visit records the namespace of an object. kubectl apply --prune prunes the namespaces of all objects, whatever their kind.
func (r *manifestReader) visit(object *unstructured.Unstructured) error {
	mapper, err := r.ToRESTMapper()
	if err != nil {
		return err
	}
	kind := object.GroupVersionKind()
	mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	switch {
	case meta.IsNoMatchError(err): // perhaps its CRD is among the manifests
	case err != nil:
		return err
	case mapping.Scope.Name() == meta.RESTScopeNameRoot:
		return nil
	}
	r.visited[cmp.Or(object.GetNamespace(), r.namespace)] = true
	return nil
}

// warnIfEmpty warns if a source contains nothing that is compared.
func (o *diffOptions) warnIfEmpty(source string, documents []document) {
	if slices.ContainsFunc(documents, func(d document) bool { return !isNamespace(d.Unstructured) }) {
		return
	}
	hint := ""
	if !o.manifests.recursive && o.manifests.kustomize == "" {
		hint = ": -R reads subdirectories"
	}
	fmt.Fprintf(o.ErrOut, "warning: %s contain no AgentGroupMapping and no DeepCallAccount%s\n", source, hint)
}

// isEmpty reports whether a directory contains no manifests, which kubectl would report as an error. Git does not keep the last
// directory of deleted manifests either, so that a change can delete all of them. Like kubectl, it does not follow a symbolic link.
func isEmpty(path string, recursive bool) (bool, error) {
	if info, err := os.Lstat(path); err != nil || !info.IsDir() {
		return false, nil //nolint:nilerr // reading it reports the error
	}
	found := false
	err := filepath.WalkDir(path, func(at string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && at != path && !recursive:
			return fs.SkipDir
		case !entry.IsDir() && slices.Contains(resource.FileExtensions, filepath.Ext(at)):
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return !found, err
}

func isNamespace(object *unstructured.Unstructured) bool {
	return object.GroupVersionKind() == schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}
}

// liveObject is an existing object, with a pointer to its spec.
type liveObject struct {
	metav1.Object
	spec any
}

// convert returns the objects of the documents, as kubectl apply makes them of the existing objects, and the problems of those that
// the API server would reject. It clears the documents.
func (r *manifestReader) convert(documents []document, existing effect.Objects) (objects effect.Objects, problems []string) {
	live := map[string]liveObject{}
	for _, m := range existing.Mappings {
		live[mappingKind.Kind+" "+nameOf(m.Namespace, m.Name)] = liveObject{m, &m.Spec}
	}
	for _, a := range existing.Accounts {
		live[accountKind.Kind+" "+nameOf(a.Namespace, a.Name)] = liveObject{a, &a.Spec}
	}
	files := map[string]string{}
	for i, d := range documents {
		documents[i] = document{} // thousands need much memory
		if isNamespace(d.Unstructured) {
			if objects.Namespaces == nil {
				objects.Namespaces = map[string]map[string]string{}
			}
			objects.Namespaces[d.GetName()] = labelsOf(d)
			continue
		}
		name := d.GetKind() + " " + nameOf(d.GetNamespace(), d.GetName())
		if file, isDeclared := files[name]; isDeclared {
			warning := fmt.Sprintf("%s is declared twice, in %s and in %s: only the last one counts here, but kubectl applies both", name, file, d.file)
			fmt.Fprintf(r.ErrOut, "warning: %s\n", text.SingleLine(warning))
		}
		files[name] = d.file
		for _, problem := range r.convertOne(d, live[name], &objects) {
			problems = append(problems, fmt.Sprintf("%s: %s: %s", d.file, name, problem))
		}
	}
	return objects, problems
}

// labelsOf returns the labels of a Namespace, with the one that the API server sets.
func labelsOf(namespace document) map[string]string {
	labels := namespace.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[corev1.LabelMetadataName] = namespace.GetName()
	return labels
}

// convertOne adds a valid document to the objects. Live is the existing object, or empty.
func (r *manifestReader) convertOne(d document, live liveObject, objects *effect.Objects) []string {
	if r.explicit && d.GetNamespace() != r.namespace {
		return []string{fmt.Sprintf("its namespace is not %q, which -n selects", r.namespace)}
	}
	if live.Object != nil {
		if err := manifest.Merge(d.Unstructured, live, live.spec); err != nil {
			return []string{err.Error()}
		}
	}
	if d.GetKind() == accountKind.Kind {
		account, problems := r.converter.Account(d.Unstructured)
		if len(problems) == 0 {
			objects.Accounts = append(objects.Accounts, account)
		}
		return problems
	}
	mapping, problems := r.converter.Mapping(d.Unstructured)
	if len(problems) == 0 {
		objects.Mappings = append(objects.Mappings, mapping)
	}
	return problems
}

// invalidManifests prints the problems, and returns the error.
func (o *diffOptions) invalidManifests(problems []string) error {
	for _, problem := range problems {
		fmt.Fprintln(o.ErrOut, text.SingleLine(problem))
	}
	return errors.New("the manifests have " + text.Count(len(problems), "problem") + "; nothing was compared")
}

func nameOf(namespace, name string) string {
	return types.NamespacedName{Namespace: namespace, Name: name}.String()
}

// accountsOf returns the names of the accounts that mappings refer to, sorted.
func accountsOf(objects effect.Objects) []types.NamespacedName {
	var names []types.NamespacedName
	seen := map[types.NamespacedName]bool{}
	for _, m := range objects.Mappings {
		if key := m.AccountKey(); !seen[key] {
			seen[key] = true
			names = append(names, key)
		}
	}
	slices.SortFunc(names, func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) })
	return names
}
