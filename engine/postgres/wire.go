package postgres

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// wire is what a session knows of its network connection beyond pgx. pgx loses
// the reason of a failure on the simple protocol: it reports "conn closed", and
// that as safe to retry, whatever was sent before.
type wire struct {
	established atomic.Bool           // later connections are those of cancel requests
	sent        atomic.Int64          // bytes the network took
	heard       atomic.Int64          // when bytes came last, in Unix nanoseconds
	broken      atomic.Pointer[error] // the first failure
}

// watch makes dial report to w.
func (w *wire) watch(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil || w.established.Load() {
			return conn, err
		}
		w.broken.Store(nil) // of the address tried before
		return watched{conn, w}, nil
	}
}

type watched struct {
	net.Conn
	wire *wire
}

func (c watched) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.wire.heard.Store(time.Now().UnixNano())
	}
	if err != nil {
		c.wire.broken.CompareAndSwap(nil, &err)
	}
	return n, err
}

func (c watched) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.wire.sent.Add(int64(n))
	if err != nil {
		c.wire.broken.CompareAndSwap(nil, &err)
	}
	return n, err
}
