package main

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const leaseName = "deepcall-operator.telephony.deepcall.com"

// failover measures an edit that is made when the leader has crashed, and is sent by a standby whose cache was synced before.
func (l *liveRun) failover(ctx context.Context, r *round) error {
	leader := l.manager
	defer leader.kill()
	standby, err := l.startManager(ctx)
	if err != nil {
		return err
	}
	l.manager = standby
	if err := standby.waitUntilReady(ctx); err != nil {
		return err
	}
	before, err := l.count(ctx)
	if err != nil {
		return err
	}
	lease, err := l.lease(ctx)
	if err != nil {
		return err
	}
	leader.kill()
	killed := time.Now()
	if _, err := l.edit(ctx, 0); err != nil {
		return err
	}
	received, err := l.waitForEdit(ctx, before.requests, 0)
	if err != nil {
		return err
	}
	after, err := l.lease(ctx)
	if err != nil {
		return err
	}
	if *after.Spec.HolderIdentity == *lease.Spec.HolderIdentity {
		return fmt.Errorf("%s still has the lease", *lease.Spec.HolderIdentity)
	}
	r.add("crash to request", "s", received.at.Sub(killed).Seconds())
	r.add("lease acquired to request", "s", received.at.Sub(after.Spec.AcquireTime.Time).Seconds())
	if err := l.waitReady(ctx); err != nil {
		return err
	}
	since, err := l.countAfter(ctx, settlingTime, before)
	if err != nil {
		return err
	}
	r.add("requests", "", float64(since.requests))
	return nil
}

func (l *liveRun) lease(ctx context.Context) (*coordinationv1.Lease, error) {
	lease := &coordinationv1.Lease{}
	err := l.admin.Get(ctx, client.ObjectKey{Namespace: managerNamespace, Name: leaseName}, lease)
	if err != nil {
		return nil, fmt.Errorf("get the lease: %w", err)
	}
	return lease, nil
}

// kill ends the process at once, as a crash of its node does.
func (p *process) kill() {
	_ = p.command.Process.Kill() // fails if it has exited
	<-p.exited
}
