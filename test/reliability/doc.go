// Package reliability perturbs the manager, in the process and on a real kube-apiserver, and checks
// after each run that nine invariants hold.
//
// Each run has a world of its own: a namespace, a simulated DeepCall and a manager. A ledger numbers
// every outside effect of the manager, and a strike makes one of them go wrong:
//
//	go test ./test/reliability -run TestCrashSweep                    # the quick sweep
//	go test ./test/reliability -run TestCrashSweep -sweep=full -v     # every strike, and every pair of crashes
//	go test ./test/reliability -run TestCrashSweep -replay 'edit/k=2/crash-after' -v
package reliability
