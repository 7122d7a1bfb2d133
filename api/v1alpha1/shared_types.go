package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// LastResponse is a response from DeepCall.
type LastResponse struct {
	// code is the DeepCall result code: 200 for success, otherwise an error
	// code such as 1505.
	// +required
	Code int64 `json:"code"`

	// message is the text from DeepCall, truncated to 256 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`

	// time is the time at which the operator received the response. It stays
	// unchanged while retries get the same code.
	// +required
	Time metav1.Time `json:"time"`
}
