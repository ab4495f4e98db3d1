//go:build linux || darwin

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"runbook/engine/postgres"
	"runbook/engine/sandbox"
)

// stopCluster is a cluster with a table that writers are busy with.
type stopCluster struct {
	box             *sandbox.Sandbox
	dsn             string            // as the runs connect
	admin           *postgres.Session // a crash would end it
	written, failed atomic.Int64
	total           int64        // written before the last time that the table was emptied of it
	paused          sync.RWMutex // held by each writer while it writes
}

const stopRows = 20000

func newStopCluster(t *testing.T) *stopCluster {
	t.Helper()
	box := ownCluster(t, 2)
	c := &stopCluster{box: box, dsn: box.DSN()}
	c.connect(t)
	for _, w := range box.Workers() {
		c.sql(t, fmt.Sprintf("SELECT citus_add_node('%s', %d)", w.Host, w.Port))
	}
	c.sql(t, loadPlugins)
	_, password := c.owner(t)
	c.sql(t, "CREATE ROLE shopkeeper LOGIN; GRANT ALL ON SCHEMA public TO shopkeeper")
	c.sql(t, fmt.Sprintf("SELECT run_command_on_all_nodes($$ALTER ROLE shopkeeper PASSWORD '%s'$$)", password))
	c.sql(t, "SET ROLE shopkeeper; CREATE TABLE orders (id bigserial, shop int, note text, PRIMARY KEY (shop, id)); RESET ROLE")
	c.sql(t, fmt.Sprintf("INSERT INTO orders (shop, note) SELECT 1 + i %% 200, repeat('x', 100) FROM generate_series(1, %d) i", stopRows))
	writing, stop := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	for range 3 {
		writers.Go(func() { c.write(writing) })
	}
	t.Cleanup(func() { stop(); writers.Wait() })
	return c
}

// connect is for the first time, and for after a crash.
func (c *stopCluster) connect(t *testing.T) {
	t.Helper()
	var err error
	if c.admin, err = connect(t.Context(), c.box.DSN()); err != nil {
		t.Fatal(err)
	}
}

// write inserts rows until ctx is over.
func (c *stopCluster) write(ctx context.Context) {
	s, err := connect(context.Background(), c.box.DSN())
	if err != nil {
		c.failed.Add(1)
		return
	}
	defer s.Close(context.Background())
	for n := 0; ctx.Err() == nil; n++ {
		c.paused.RLock()
		_, err := s.Query(context.Background(), "INSERT INTO orders (shop, note) VALUES ($1, 'written')", int64(1+n%200))
		if err == nil {
			c.written.Add(1)
		} else {
			c.failed.Add(1)
		}
		c.paused.RUnlock()
		if s.Closed() {
			return
		}
		time.Sleep(4 * time.Millisecond)
	}
}

// owner is how the table's owner connects, who is nobody otherwise.
func (c *stopCluster) owner(t *testing.T) (dsn, password string) {
	t.Helper()
	u, err := url.Parse(c.box.DSN())
	if err != nil {
		t.Fatal(err)
	}
	password, _ = u.User.Password()
	u.User = url.UserPassword("shopkeeper", password)
	return u.String(), password
}

func (c *stopCluster) sql(t *testing.T, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := query(ctx, c.admin, []string{text})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return strings.TrimSpace(out)
}

// worker connects to a worker.
func (c *stopCluster) worker(t *testing.T, i int) *postgres.Session {
	t.Helper()
	u, err := url.Parse(c.box.DSN())
	if err != nil {
		t.Fatal(err)
	}
	n := c.box.Workers()[i]
	u.Host = net.JoinHostPort(n.Host, strconv.Itoa(n.Port))
	s, err := connect(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// nothingLeft wants the coordinator to have lived on and everything of the failed
// call to be gone, at once and not only after Citus's own clean-up.
func (c *stopCluster) nothingLeft(t *testing.T) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(c.box.Dir(), "coordinator.log"))
	if err != nil {
		t.Fatal(err)
	}
	if c.admin.Closed() || bytes.Contains(log, []byte("terminated by signal")) {
		t.Fatal("the coordinator has crashed")
	}
	c.cleared(t)
}

// cleared wants everything of the failed call to be gone.
func (c *stopCluster) cleared(t *testing.T) {
	t.Helper()
	if got := c.sql(t, "SELECT count(*) FROM pg_dist_cleanup WHERE policy_type < 2; SELECT count(*) FROM pg_replication_slots"); got != "0\n0" {
		t.Errorf("records of clean-up and slots: %q", got)
	}
	if got := c.sql(t, "SELECT sum(result::int) FROM run_command_on_all_nodes('SELECT count(*) FROM pg_subscription')"); got != "0" {
		t.Errorf("%s subscriptions are left", got)
	}
}

// again runs the step to its end, wants every row, and makes the table an
// ordinary one for the next time.
func (c *stopCluster) again(t *testing.T) (said string) {
	t.Helper()
	s := c.begin(t, "")
	said, code := s.end()
	if code != exitDone {
		t.Fatalf("run again, it ends with %d\n%s", code, said)
	}
	if got := c.sql(t, "SELECT citus_table_type || ' by ' || distribution_column FROM citus_tables WHERE table_name = 'orders'::regclass"); got != "distributed by shop" {
		t.Errorf("orders is %s", got)
	}
	c.paused.Lock()
	defer c.paused.Unlock()
	want := strconv.FormatInt(stopRows+c.written.Load(), 10)
	if got := c.sql(t, "SELECT count(*) FROM orders WHERE note <> 'held'"); got != want {
		t.Errorf("there are %s rows, want %s", got, want)
	}
	c.sql(t, "SELECT undistribute_table('orders')")
	c.sql(t, "DELETE FROM orders WHERE note IN ('written', 'held')")
	c.total += c.written.Swap(0)
	return said
}
