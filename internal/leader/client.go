package leader

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// NewClient returns a client whose writes fail with ErrNotLeader while the fence is closed. It checks the two kinds of
// writes that the role of the manager permits: patches, and updates of a status.
//
// A write that is delayed on its way to the API server does no harm, since it carries the version that it is based on.
func NewClient(c client.Client, fence *Fence) client.Client {
	return fencedClient{Client: c, fence: fence}
}

type fencedClient struct {
	client.Client
	fence *Fence
}

func (c fencedClient) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	if err := c.fence.Check(); err != nil {
		return err
	}
	return c.Client.Patch(ctx, obj, patch, opts...)
}

func (c fencedClient) Status() client.SubResourceWriter {
	return fencedStatus{SubResourceWriter: c.Client.Status(), fence: c.fence}
}

type fencedStatus struct {
	client.SubResourceWriter
	fence *Fence
}

func (s fencedStatus) Update(ctx context.Context, obj client.Object, opts ...client.SubResourceUpdateOption) error {
	if err := s.fence.Check(); err != nil {
		return err
	}
	return s.SubResourceWriter.Update(ctx, obj, opts...)
}
