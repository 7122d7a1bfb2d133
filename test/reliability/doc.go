// Package reliability injects faults into the manager, which runs in the test process against a real
// kube-apiserver, and checks after each run that nine invariants hold.
//
// Each run has an environment of its own: a namespace, a simulated DeepCall and a manager. A ledger numbers
// every outside effect of the manager, and a fault makes one of them fail:
//
//	go test ./test/reliability -run TestCrashSweep                    # the quick sweep
//	go test ./test/reliability -run TestCrashSweep -sweep=full -v     # every fault, and every pair of crashes
//	go test ./test/reliability -run TestCrashSweep -replay 'edit/k=2/crash-after' -v
package reliability
