// Package argocd runs the Lua of config/argocd as Argo CD does: health checks and actions of our kinds,
// in a machine with the few libraries that a script of the ConfigMap argocd-cm is given.
package argocd
