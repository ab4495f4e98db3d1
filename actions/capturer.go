package actions

import (
	"context"
	"time"

	"runbook/engine/postgres"
)

// captureRest is the least time from one round of captures to the next.
const captureRest = time.Second

// capturer runs the capture queries of a probe on a connection of their own, so
// that a slow one does not blind the probe: one round at a time, at most one a
// second.
type capturer struct {
	p       *prober
	session *postgres.Session
	wanted  chan struct{} // holds one: a sighting that nobody has captured yet
}

func newCapturer(ctx context.Context, p *prober) (*capturer, error) {
	c := &capturer{p: p, wanted: make(chan struct{}, 1)}
	return c, c.connect(ctx)
}

func (c *capturer) connect(ctx context.Context) (err error) {
	c.session, err = c.p.side(ctx, "capture-"+c.p.name)
	return err
}

// sighted asks for a capture.
func (c *capturer) sighted() {
	if c == nil {
		return
	}
	select {
	case c.wanted <- struct{}{}:
	default:
	}
}

// run captures until stop is closed.
func (c *capturer) run(ctx context.Context, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		case <-c.wanted:
		}
		c.capture(ctx)
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		case <-time.After(captureRest):
		}
	}
}

func (c *capturer) capture(ctx context.Context) {
	if c.session.Closed() {
		if err := c.connect(ctx); err != nil {
			c.p.failed("capture: ", err)
			return
		}
	}
	for _, q := range c.p.args.Capture {
		at := time.Now()
		r, err := c.session.QueryLimit(ctx, 100, q.Value.Text)
		if err != nil {
			c.p.failed("capture "+q.Key+": ", err)
			continue
		}
		c.p.keep(q.Key, at, r)
	}
}
