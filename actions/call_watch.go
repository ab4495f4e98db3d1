package actions

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/postgres"
)

var (
	//go:embed call_waits.sql
	callWaitsSQL string
	//go:embed call_copies.sql
	callCopiesSQL string
	//go:embed call_source.sql
	callSourceSQL string
)

// callWatch looks at a call from a session of its own: in autocommit, under a
// short statement_timeout, and so seldom that it costs at most 2 % of the time.
// A few samples come sooner where they are dear, so that short calls are seen too.
type callWatch struct {
	env     *engine.Env
	pid     uint32 // of the session that makes the call
	app     string // its application_name
	session *postgres.Session
	useless error // why the session is of no use
	citus   bool
	name    string             // of the sessions that Citus opens for the call
	taken   map[string]samples // by kind
}

// samples are those of one kind that were taken.
type samples struct {
	n     int
	spent time.Duration
	last  time.Time
}

// soon is how many samples of a kind need not be cheap. Each comes twice as long
// after the one before as that one did, from 1 s on.
const soon = 4

// due says whether the next one may be taken.
func (s samples) due(now time.Time) bool {
	if s.n == 0 {
		return true
	}
	rest := s.spent / time.Duration(s.n) * dutyCycle
	if s.n < soon {
		rest = min(rest, time.Second<<(s.n-1))
	}
	return now.Sub(s.last) >= rest-tellEvery/10 // a tick is never quite on time
}

// watchTimeout bounds each sample.
const watchTimeout = time.Second

// newCallWatch is to be called before the session begins the call.
func newCallWatch(env *engine.Env, caller *postgres.Session) *callWatch {
	return &callWatch{env: env, pid: caller.PID(), app: caller.Parameter("application_name"), citus: env.Run().Engine == "citus", taken: map[string]samples{}}
}

// connect opens the session when there is none. One that cannot be made use of is
// not tried again.
func (w *callWatch) connect(ctx context.Context) error {
	if w.useless != nil || w.session != nil && !w.session.Closed() {
		return w.useless
	}
	session, err := w.env.Side(ctx, "progress")
	if err != nil {
		return err
	}
	w.session = session
	if err := w.prepare(ctx); err != nil {
		w.useless = err
		return err
	}
	w.useless = w.findCaller(ctx)
	return w.useless
}

func (w *callWatch) prepare(ctx context.Context) error {
	_, err := w.session.Query(ctx, `
		SELECT pg_catalog.set_config('statement_timeout', $1, false), pg_catalog.set_config('lock_timeout', $1, false),
		       pg_catalog.set_config('search_path', 'public', false), pg_catalog.set_config('default_transaction_read_only', 'on', false)`,
		fmt.Sprintf("%dms", watchTimeout.Milliseconds()))
	if err != nil || !w.citus {
		return err
	}
	// Citus hides shards from those who list tables.
	_, err = w.session.Query(ctx, "SELECT pg_catalog.set_config('citus.override_table_visibility', 'off', false)")
	return err
}

// findCaller finds the session of the call, and what Citus names its own
// sessions for it. A connection may lead to another server than this one.
func (w *callWatch) findCaller(ctx context.Context) error {
	node := "1" // as the stand-in has it
	if w.citus {
		node = "pg_catalog.citus_backend_gpid() / 10000000000"
	}
	r, err := w.session.Query(ctx, `
		SELECT 'citus_internal gpid=' || (`+node+`)::bigint * 10000000000 + pid
		FROM pg_catalog.pg_stat_activity WHERE pid = $1 AND application_name = $2`, int64(w.pid), w.app)
	if err != nil {
		return err
	}
	if len(r.Rows) == 0 {
		return fmt.Errorf("the session with pid %d is not on the server that the run's target leads to", w.pid)
	}
	w.name = postgres.FormatValue(r.Rows[0][0])
	return nil
}

// due says whether a sample of a kind may be taken now; took says that one was.
func (w *callWatch) due(kind string) bool { return w.taken[kind].due(time.Now()) }

func (w *callWatch) took(kind string, began time.Time) {
	s := w.taken[kind]
	w.taken[kind] = samples{s.n + 1, s.spent + time.Since(began), began}
}

// on is a query for a node: the caller's own, or a worker, where only Citus's
// sessions belong to the call.
func (w *callWatch) on(sql string, pid uint32) string {
	return strings.NewReplacer("{CALL}", w.name, "{PID}", fmt.Sprint(pid)).Replace(sql)
}

// answer is what a query said on one node, which is "" for the caller's own.
type answer struct{ node, json string }

// here asks the caller's node.
func (w *callWatch) here(ctx context.Context, sql string) ([]answer, error) {
	r, err := w.session.Query(ctx, w.on(sql, w.pid))
	if err != nil {
		return nil, err
	}
	return []answer{{"", postgres.FormatValue(r.Rows[0][0])}}, nil
}

// workers asks all workers; those that do not answer have nothing to say.
func (w *callWatch) workers(ctx context.Context, sql string) ([]answer, error) {
	if !w.citus {
		return nil, nil
	}
	r, err := w.session.Query(ctx, "SELECT nodename || ':' || nodeport, success, result FROM pg_catalog.run_command_on_workers($1)", w.on(sql, 0))
	if err != nil {
		return nil, err
	}
	var out []answer
	for _, row := range r.Rows {
		node, text := postgres.FormatValue(row[0]), postgres.FormatValue(row[2])
		if row[1] != true {
			err = fmt.Errorf("%s: %s", node, text)
			continue
		}
		out = append(out, answer{node, text})
	}
	return out, err
}

// copies is how far the COPYs that run now are, on all nodes.
func (w *callWatch) copies(ctx context.Context) (map[part]copied, error) {
	defer w.took("copies", time.Now())
	answers, err := w.here(ctx, callCopiesSQL)
	if err != nil {
		return nil, err
	}
	more, err := w.workers(ctx, callCopiesSQL)
	seen, readErr := partsOf(append(answers, more...))
	if readErr != nil {
		return nil, readErr
	}
	return seen, err
}

// partsOf reads what call_copies.sql and call_files.sql say.
func partsOf(answers []answer) (map[part]copied, error) {
	seen := map[part]copied{}
	for _, a := range answers {
		var list []struct{ OID, Rows, Bytes int64 }
		if err := json.Unmarshal([]byte(a.json), &list); err != nil {
			return nil, fmt.Errorf("read what %s copies: %w", a.node, err)
		}
		for _, c := range list {
			seen[part{a.node, c.OID}] = copied{c.Rows, c.Bytes}
		}
	}
	return seen, nil
}

// waits is who is in the way of the call.
func (w *callWatch) waits(ctx context.Context) ([]event.Holder, error) {
	defer w.took("waits", time.Now())
	answers, err := w.here(ctx, callWaitsSQL)
	if err != nil {
		return nil, err
	}
	return holdersOf(answers)
}

// waitsElsewhere is who is in the way on the workers.
func (w *callWatch) waitsElsewhere(ctx context.Context) ([]event.Holder, error) {
	defer w.took("waits elsewhere", time.Now())
	answers, err := w.workers(ctx, callWaitsSQL)
	if err != nil {
		return nil, err
	}
	return holdersOf(answers)
}

// holdersOf reads what call_waits.sql says; a holder of several locks counts
// once.
func holdersOf(answers []answer) ([]event.Holder, error) {
	var out []event.Holder
	for _, a := range answers {
		var list []event.Holder
		if err := json.Unmarshal([]byte(a.json), &list); err != nil {
			return nil, fmt.Errorf("read the waits of %s: %w", a.node, err)
		}
		for _, h := range list {
			h.Node, h.Waiting, h.Transaction = a.node, max(h.Waiting, 0), max(h.Transaction, 0)
			same := func(x event.Holder) bool { return x.PID == h.PID && x.GID == h.GID && x.Node == h.Node }
			if !slices.ContainsFunc(out, same) {
				out = append(out, h)
			}
		}
	}
	return out, nil
}

// lag is how much WAL the new shards have still to replay, in bytes.
func (w *callWatch) lag(ctx context.Context) (int64, error) {
	defer w.took("lag", time.Now())
	r, err := w.session.Query(ctx, `
		SELECT coalesce(max(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), confirmed_flush_lsn)), 0)::bigint
		FROM pg_catalog.pg_replication_slots WHERE slot_name LIKE 'citus\_shard\_split\_slot\_%'`)
	if err != nil {
		return 0, err
	}
	n, _ := r.Rows[0][0].(int64)
	return max(n, 0), nil
}

// source estimates how much there is to copy.
func (w *callWatch) source(ctx context.Context, table string) (copied, error) {
	r, err := w.session.Query(ctx, callSourceSQL, table)
	if err != nil {
		return copied{}, err
	}
	var total copied
	if r.Rows[0][1] == true {
		total.rows, _ = r.Rows[0][0].(int64)
	}
	total.bytes, _ = r.Rows[0][2].(int64)
	return total, nil
}

// close ends the session; the server ends what is left of it.
func (w *callWatch) close(ctx context.Context) {
	if w.session != nil {
		_ = w.session.Close(ctx)
	}
}
