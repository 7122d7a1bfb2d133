// Package monitoring imports the API types of prometheus-operator and cert-manager, so that go mod tidy keeps them.
package monitoring

import (
	_ "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"              // its module contains the CRDs
	_ "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1" // source of the generated CRDs
)
