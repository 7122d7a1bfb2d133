package testenv

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// auditPolicy records the completed requests of ServiceAccounts without their bodies.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    userGroups: ["system:serviceaccounts"]
  - level: None
`

// Audited is a completed request in the audit log.
type Audited struct {
	Verb string
	User struct{ Username string }
	// ObjectRef is nil for non-resource requests.
	ObjectRef *struct{ APIGroup, Resource, Subresource, Namespace, Name string }
	// Annotations contain the decision of the authorizer and its reason.
	Annotations map[string]string
}

// Allowed reports whether the authorizer allowed the request.
func (a Audited) Allowed() bool {
	return a.Annotations["authorization.k8s.io/decision"] == "allow"
}

// WithAudit makes the API server write the requests of ServiceAccounts to the file, for ReadAudit.
func WithAudit(path string) Option {
	return func(environment *envtest.Environment) error {
		policy := filepath.Join(filepath.Dir(path), "audit-policy.yaml")
		if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
			return fmt.Errorf("write the audit policy: %w", err)
		}
		environment.ControlPlane.GetAPIServer().Configure().
			Set("audit-policy-file", policy).
			Set("audit-log-path", path)
		return nil
	}
}

// ReadAudit returns the requests in the audit log after offset, and the offset of its end.
func ReadAudit(path string, offset int64) ([]Audited, int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("open the audit log: %w", err)
	}
	defer file.Close()
	if _, err := file.Seek(offset, 0); err != nil {
		return nil, 0, fmt.Errorf("seek in the audit log: %w", err)
	}
	var requests []Audited
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil { // end of file; the last line can be incomplete
			return requests, offset, nil
		}
		offset += int64(len(line))
		var request Audited
		if err := json.Unmarshal(line, &request); err != nil {
			return nil, 0, errors.Join(errors.New("read the audit log"), err)
		}
		requests = append(requests, request)
	}
}
