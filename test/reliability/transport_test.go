package reliability

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

func TestAStruckCallThatHangsComesToAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &process{
			world:  &world{ledger: &ledger{bell: newBell(), armed: true}},
			strike: &strike{1, loseAnswer}, inFlight: map[string]bool{},
		}
		hangs := roundTripper(func(request *http.Request) (*http.Response, error) {
			<-request.Context().Done()
			return nil, request.Context().Err()
		})
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://deepcall", strings.NewReader(`{"agentId":"7"}`))
		if err != nil {
			t.Fatal(err)
		}
		response, err := p.toDeepCall(hangs).RoundTrip(request)
		if err == nil {
			response.Body.Close()
		}
		if !errors.Is(err, errNoAnswer) {
			t.Errorf("the caller is told %v", err)
		}
	})
}
