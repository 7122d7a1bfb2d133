package check

import (
	"cmp"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"
)

// oldestKubernetes is the oldest supported version of Kubernetes.
var oldestKubernetes = version.MustParseGeneric("1.32")

// Server checks the version of the API server.
func Server(gitVersion string) Result {
	r := Result{Check: "Kubernetes", State: OK, Message: gitVersion}
	v, err := version.ParseGeneric(gitVersion)
	switch {
	case err != nil:
		r.State, r.Message = Warning, fmt.Sprintf("the version %q can't be read", gitVersion)
	case v.LessThan(oldestKubernetes):
		r.State, r.Message = Error, gitVersion+" is not supported"
		r.Remedy = fmt.Sprintf("The cluster's administrator upgrades Kubernetes to %s or newer.", oldestKubernetes)
	}
	return r
}

// Skew compares the version of this plugin with that of the operator. It can be one minor release older or newer.
func Skew(plugin, operator string) Result {
	r := Result{Check: "plugin", State: OK, Message: fmt.Sprintf("%s, operator %s", plugin, cmp.Or(operator, "unknown"))}
	own, errOwn := version.ParseGeneric(plugin)
	other, errOther := version.ParseGeneric(operator)
	switch {
	case errOwn != nil || errOther != nil || isUntagged(own) || isUntagged(other):
		r.State = NotChecked
		r.Message += ": a version that is no release can't be compared"
	case own.Major() != other.Major() || max(own.Minor(), other.Minor())-min(own.Minor(), other.Minor()) > 1:
		r.State = Warning
		r.Message += ": more than one minor release apart"
		r.Remedy = "Install the plugin of the operator's release."
	}
	return r
}

// isUntagged reports whether Go derived the version from a repository without tags, such as
// v0.0.0-20261201045156-05b321edf645.
func isUntagged(v *version.Version) bool { return v.Major() == 0 && v.Minor() == 0 }

// versionOf returns the version of an image or of the label app.kubernetes.io/version, such as v0.1.0; empty if there is none.
func versionOf(labels map[string]string, image string) string {
	if v := labels["app.kubernetes.io/version"]; v != "" {
		return "v" + strings.TrimPrefix(v, "v")
	}
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		return image[i+1:]
	}
	return ""
}
