// Package argocd runs the Lua health checks and actions of config/argocd as Argo CD does, with only the libraries that
// Argo CD provides to scripts in argocd-cm.
package argocd
