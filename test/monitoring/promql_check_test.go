package monitoring

import (
	"slices"
	"strings"
	"testing"
)

func TestCheck_finds_mistakes(t *testing.T) {
	for expr, fault := range map[string]string{
		`deepcall_api_request_total`:                                                                     "no series deepcall_api_request_total",
		`deepcall_api_request_duration_seconds`:                                                          "no series deepcall_api_request_duration_seconds",
		`deepcall_api_requests_total{agent="7"}`:                                                         "no label agent",
		`deepcall_account_state{state="Broken"}`:                                                         `never "Broken"`,
		`deepcall_mappings{reason=~"Conflict|Conflicts"}`:                                                `never "Conflicts"`,
		`sum by (account) (deepcall_mappings)`:                                                           "sum by account",
		`rate(deepcall_mappings[5m])`:                                                                    "not meant for a gauge",
		`avg_over_time(deepcall_api_requests_total[5m])`:                                                 "not meant for a counter",
		`rate(deepcall_api_requests_total)`:                                                              "not meant for a counter",
		`deepcall_mappings and deepcall_account_state`:                                                   "never matches",
		`deepcall_mappings and on (reason) workqueue_depth`:                                              "one side has no such label",
		`histogram_quantile(0.9, sum by (account) (rate(deepcall_api_request_wait_seconds_bucket[5m])))`: "needs the label le",
		`label_replace(deepcall_mappings)`:                                                               "not known here",
		`deepcall_mappings deepcall`:                                                                     "unexpected",
		`sum(deepcall_mappings`:                                                                          "where an argument ends",
	} {
		if _, err := check(expr); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%s: %v, where %q is expected", expr, err, fault)
		}
	}
}

func TestCheck_returns_the_labels_of_the_result(t *testing.T) {
	for expr, want := range map[string]string{
		`absent(deepcall_build_info)`:                                                              "",
		`sum by (class, code) (rate(deepcall_api_requests_total[5m]))`:                             "class code",
		`max by (account) (deepcall_account_state{state="Denied"}) == 1`:                           "account",
		`deepcall_removals_abandoned_total and on (job) workqueue_depth`:                           "instance job namespace pod",
		`sum by (job) (workqueue_depth) > on (job) deepcall_build_info`:                            "job",
		`histogram_quantile(0.9, rate(deepcall_api_request_wait_seconds_bucket{account="a"}[5m]))`: "account account_namespace instance job namespace pod",
	} {
		labels, err := check(expr)
		if got := strings.Join(slices.Sorted(slices.Values(labels)), " "); err != nil || got != want {
			t.Errorf("%s has the labels %q (%v), where %q is expected", expr, got, err, want)
		}
	}
}
