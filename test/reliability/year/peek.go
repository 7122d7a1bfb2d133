package year

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

// agentIn tells whom a request to DeepCall is about, and leaves the request as it was.
func agentIn(request *http.Request) string {
	var said struct {
		AgentID string `json:"agentId"`
	}
	raw, err := io.ReadAll(request.Body)
	if err == nil {
		err = json.Unmarshal(raw, &said)
	}
	request.Body = io.NopCloser(bytes.NewReader(raw))
	if err != nil {
		return ""
	}
	return said.AgentID
}

// codeOf is DeepCall's code in an answer, or the HTTP status if that is an error.
func codeOf(response *http.Response) int {
	raw, err := io.ReadAll(response.Body)
	response.Body = io.NopCloser(bytes.NewReader(raw))
	var said struct {
		Code int `json:"code"`
	}
	if err != nil || response.StatusCode != http.StatusOK || json.Unmarshal(raw, &said) != nil {
		return response.StatusCode
	}
	return said.Code
}
