// Package monitoring keeps the kinds of prometheus-operator in this module.
package monitoring

import _ "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1" // CRDs are generated from it
