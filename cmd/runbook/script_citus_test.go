//go:build linux || darwin

package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"runbook/engine/sandbox"
)

// cluster is the Citus cluster that scripts with [citus] share; each has a
// database of its own on it, and its turn: the names of Citus's replication slots
// are those of the server, and calls in two databases at once take the same.
var cluster struct {
	sync.Once
	turn sync.Mutex
	box  *sandbox.Sandbox
	err  error
}

func stopCitus() {
	if cluster.box == nil {
		return
	}
	if err := cluster.box.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// citusCommand gives the script a database on Citus, its workers added. WORKER_URL
// leads to it on the first of them.
func citusCommand(ts *testscript.TestScript, _ bool, _ []string) {
	cluster.Do(func() {
		cluster.box, cluster.err = sandbox.Start(context.Background(), sandbox.Options{Engine: "citus", Workers: 2, CacheDir: cacheDir()})
	})
	ts.Check(cluster.err)
	cluster.turn.Lock()
	ts.Defer(cluster.turn.Unlock)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	name := of(ts).name
	dsn, err := cluster.box.NewDatabase(ctx, name)
	ts.Check(err)
	ts.Defer(func() { _ = cluster.box.DropDatabase(context.Background(), name) })
	s, err := connect(ctx, dsn)
	ts.Check(err)
	defer s.Close(ctx)
	for _, w := range cluster.box.Workers() {
		_, err := s.Query(ctx, "SELECT citus_add_node($1, $2)", w.Host, int64(w.Port))
		ts.Check(err)
	}
	ts.Setenv("DATABASE_URL", dsn)
	u, err := url.Parse(dsn)
	ts.Check(err)
	first := cluster.box.Workers()[0]
	u.Host = net.JoinHostPort(first.Host, strconv.Itoa(first.Port))
	ts.Setenv("WORKER_URL", u.String())
}
