// Package monitoring imports the API types of prometheus-operator, so that go mod tidy keeps them.
package monitoring

import _ "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1" // source of the generated CRDs
