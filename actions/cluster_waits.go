package actions

import (
	"context"
	_ "embed"
	"strings"
	"sync"
	"time"

	"runbook/engine"
	"runbook/engine/postgres"
)

//go:embed citus_waits.sql
var citusWaitsSQL string

// Where the waits come from: what Citus' deadlock detector sees, or where there is
// no such function the view that is made of it, at fifty times the cost.
const (
	detectorWaits = `
		SELECT g.waiting_global_pid AS waiting_gpid, g.waiting_pid, g.blocking_global_pid AS blocking_gpid,
		       EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.pid = g.waiting_pid AND a.wait_event_type = 'Lock') AS here,
		       NULL AS waiting_query, NULL AS blocking_query
		FROM pg_catalog.citus_internal_global_blocked_processes() g
		WHERE g.waiting_global_pid <> 0 AND g.blocking_global_pid <> 0 AND g.waiting_global_pid <> g.blocking_global_pid`
	viewWaits = `
		SELECT v.waiting_gpid, NULL::integer AS waiting_pid, v.blocking_gpid, false AS here,
		       v.blocked_statement AS waiting_query, v.current_statement_in_blocking_process AS blocking_query
		FROM pg_catalog.citus_lock_waits v`
)

//go:embed citus_wait_nodes.sql
var citusWaitNodesSQL string

const (
	clusterEvery = 500 * time.Millisecond
	viewEvery    = 2 * time.Second // citus_lock_waits opens connections to every node
	nodesRest    = time.Second     // so does the question on which node a wait is
	askWaits     = "EXECUTE runbook_waits"
)

// clusterWaits asks Citus who waits for whom on any node, beside a blockers
// probe: a lock on a worker is not among those of the coordinator. It has a
// connection and a pace of its own, since the answer takes its time.
type clusterWaits struct {
	p       *prober
	session *postgres.Session
	pace    pace
	known   map[conflictKey]knownWait
	asked   time.Time // when it was asked on which nodes waits are

	mu   sync.Mutex
	at   time.Time // of the answer below
	seen []clusterWait
}

// knownWait is what is remembered of a wait while it is seen.
type knownWait struct {
	began           time.Time // when it was first seen
	node, waitEvent string
}

// clusterWait is one wait as Citus sees it. Here is one that is among the
// coordinator's own locks.
type clusterWait struct {
	conflict Conflict
	process  int64 // the process that waits, which may do a part of the session's call
	here     bool
}

func newClusterWaits(ctx context.Context, p *prober) (*clusterWaits, error) {
	c := &clusterWaits{p: p}
	if err := c.connect(ctx); err != nil {
		return nil, engine.Explain("probe "+p.name+" on the workers", err)
	}
	return c, nil
}

// connect opens the session, prepares the question, and asks it once: the first
// answer takes connections to all nodes.
func (c *clusterWaits) connect(ctx context.Context) (err error) {
	if c.session, err = c.p.side(ctx, "probe-"+c.p.name+"-nodes"); err != nil {
		return err
	}
	r, err := c.session.Query(ctx, "SELECT pg_catalog.to_regprocedure('pg_catalog.citus_internal_global_blocked_processes()') IS NOT NULL")
	if err != nil {
		return err
	}
	waits := viewWaits
	c.pace.every = viewEvery
	if r.Rows[0][0] == true {
		waits, c.pace.every = detectorWaits, max(clusterEvery, c.p.args.Every)
	}
	if _, err := c.session.Query(ctx, "PREPARE runbook_waits AS "+strings.Replace(citusWaitsSQL, "{WAITS}", waits, 1)); err != nil {
		return err
	}
	_, err = c.session.Query(ctx, askWaits)
	return err
}

// run asks until stop is closed.
func (c *clusterWaits) run(ctx context.Context, stop <-chan struct{}) {
	for c.pace.begins(time.Now()); ; {
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		case <-time.After(time.Until(c.pace.due)):
		}
		at := time.Now()
		c.pace.sends(at)
		c.ask(ctx, at)
		c.pace.took(time.Since(at), time.Now())
	}
}

func (c *clusterWaits) ask(ctx context.Context, at time.Time) {
	if c.session.Closed() {
		if err := c.connect(ctx); err != nil {
			c.p.failed("on the workers: ", err)
			return
		}
	}
	r, err := c.session.QueryLimit(ctx, 200, askWaits)
	if err != nil {
		c.p.failed("on the workers: ", err)
		return
	}
	waits := c.waitsIn(engine.NewRows(r))
	if c.locate(waits) && at.Sub(c.asked) > nodesRest {
		c.asked = at
		c.askNodes(ctx, waits)
	}
	c.answer(at, waits)
}

// waitsIn are the waits of an answer; one on several nodes is one.
func (c *clusterWaits) waitsIn(rows []engine.Row) []clusterWait {
	var waits []clusterWait
	seen := map[conflictKey]bool{}
	for _, row := range rows {
		w := clusterWait{conflict: conflictOf(row), process: numberOf(row, "waiting_pid"), here: row["here"] == true}
		if key := w.conflict.key(); !seen[key] {
			seen[key] = true
			waits = append(waits, w)
		}
	}
	return waits
}

// locate tells the waits their nodes where they are known, and says whether some
// are not.
func (c *clusterWaits) locate(waits []clusterWait) (unknown bool) {
	for i := range waits {
		w := &waits[i]
		k := c.known[w.conflict.key()]
		w.conflict.Node, w.conflict.WaitEvent = k.node, k.waitEvent
		unknown = unknown || !w.here && k.node == ""
	}
	return unknown
}

// askNodes finds out on which nodes the waits are.
func (c *clusterWaits) askNodes(ctx context.Context, waits []clusterWait) {
	r, err := c.session.QueryLimit(ctx, 200, citusWaitNodesSQL)
	if err != nil {
		c.p.failed("on the workers: ", err)
		return
	}
	for _, row := range engine.NewRows(r) {
		for i := range waits {
			if w := &waits[i]; !w.here && w.conflict.BlockedGPID == numberOf(row, "gpid") {
				w.conflict.Node, w.conflict.WaitEvent = textIn(row, "node"), textIn(row, "wait_event")
			}
		}
	}
}

// answer keeps what was seen at that time. How long a wait lasts is known since
// it was first seen, and cannot be longer than its statement.
func (c *clusterWaits) answer(at time.Time, waits []clusterWait) {
	known := map[conflictKey]knownWait{}
	for i := range waits {
		w := &waits[i]
		key := w.conflict.key()
		k, again := c.known[key]
		if !again || at.Sub(k.began) > w.conflict.Waiting {
			k.began = at
			if again { // the same statement, run again
				k.began = at.Add(-w.conflict.Waiting)
			}
		}
		w.conflict.Waiting = at.Sub(k.began)
		k.node, k.waitEvent = w.conflict.Node, w.conflict.WaitEvent
		known[key] = k
	}
	c.known = known
	c.mu.Lock()
	c.at, c.seen = at, waits
	c.mu.Unlock()
}

// merge adds to the conflicts of a sample what is known from the nodes: the
// global ids of those in it, and the waits on other nodes. at is when those were
// seen, if there are any.
func (c *clusterWaits) merge(local []Conflict) (all []Conflict, at time.Time) {
	if c == nil {
		return local, time.Time{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	all = local
	for _, w := range c.seen {
		if i := w.among(local); i >= 0 {
			local[i].BlockedGPID, local[i].BlockingGPID = w.conflict.BlockedGPID, w.conflict.BlockingGPID
			continue
		}
		if !w.here { // one that was here is over by now
			all = append(all, w.conflict)
			at = c.at
		}
	}
	return all, at
}

// among is where the wait stands in the coordinator's own, -1 if it does not.
func (w clusterWait) among(local []Conflict) int {
	for i, l := range local {
		if l.BlockedPID == w.process || l.BlockedPID == w.conflict.BlockedPID {
			return i
		}
	}
	return -1
}
