//go:build long

package e2e

import (
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// longerThanLease lets another replica acquire the lease.
const longerThanLease = 35 * time.Second

var _ = Describe("A leader that is stopped for longer than its lease", func() {
	BeforeEach(func() { DeferCleanup(deleteLease) })

	DescribeTable("sends nothing when it continues, while the next leader sends",
		func(deleted bool) {
			e := newEditor()
			former, next := startReplicas()
			e.editFor(2 * time.Second)
			former.Signal(syscall.SIGSTOP)
			if deleted {
				deleteLease()
			}
			e.editFor(longerThanLease)
			Expect(next.isLeader()).To(BeTrue())
			former.Signal(syscall.SIGCONT)
			e.editFor(time.Second)
			former.expectLeaseLost()
			e.editFor(2 * time.Second)
			e.expectConverged()
		},
		Entry("and its lease expires", false),
		Entry("and its lease is deleted", true),
	)

	It("sends nothing when it continues, while the next leader is stopped", func() {
		e := newEditor()
		former, next := startReplicas()
		e.editFor(2 * time.Second)
		former.Signal(syscall.SIGSTOP)
		e.editFor(longerThanLease)
		e.expectConverged()
		next.Signal(syscall.SIGSTOP)
		sent := len(e.deepcall.Requests())
		Expect(e.edit()).To(Succeed())
		former.Signal(syscall.SIGCONT)
		e.editFor(time.Second)
		former.expectLeaseLost()
		Expect(e.deepcall.Requests()).To(HaveLen(sent))
		next.Signal(syscall.SIGCONT)
		e.expectConverged()
	})
})
