package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// LastResponse is an answer of DeepCall.
type LastResponse struct {
	// code is DeepCall's code: 200 for success, otherwise an error such as 1505.
	// +required
	Code int64 `json:"code"`

	// message is DeepCall's own text, at most 256 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`

	// time is when the answer came.
	// +required
	Time metav1.Time `json:"time"`
}
