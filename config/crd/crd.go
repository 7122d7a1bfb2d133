// Package crd embeds the CRDs, so that programs can validate manifests without a cluster.
package crd

import "embed"

// Bases contains the CRDs in the directory bases, one per file.
//
//go:embed bases/*.yaml
var Bases embed.FS
