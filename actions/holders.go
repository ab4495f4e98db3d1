package actions

import (
	"context"
	"fmt"
	"strings"
	"time"

	"runbook/engine"
	"runbook/engine/postgres"
)

// holders looks, from a session of its own, which transactions are in the way of
// the step's connection.
//
// Note: trying again at a fixed interval stalls the application for lock_timeout
// each time, which adds up to a third of the time behind a long batch. Knowing who
// was in the way, the next attempt waits, without queueing, until they are done.
type holders struct {
	session *postgres.Session
	pid     int64 // of the step's connection
}

// holder is a transaction that was in the way.
type holder struct {
	pid         int64
	application string
	state       string
	query       string
	began       string // when its transaction did, as the server writes it
	age         time.Duration
}

func newHolders(ctx context.Context, env *engine.Env) (*holders, error) {
	rows, err := silent{env}.Rows(ctx, "SELECT pg_catalog.pg_backend_pid()::bigint AS pid")
	if err != nil {
		return nil, err
	}
	session, err := env.Side(ctx, "holders")
	if err != nil {
		return nil, err
	}
	return &holders{session: session, pid: rows[0]["pid"].(int64)}, nil
}

// during takes one sample after a delay, in which whoever holds a lock for a
// moment only has let it go. The returned function waits for it and says who was
// in the way; none if the statement got its lock before.
func (h *holders) during(ctx context.Context, delay time.Duration) func() []holder {
	over, sample := make(chan struct{}), make(chan []holder, 1)
	go func() {
		defer close(sample)
		select {
		case <-over:
		case <-time.After(delay):
			sample <- h.inTheWay(ctx)
		}
	}()
	return func() []holder {
		close(over)
		return <-sample
	}
}

// inTheWay is empty as well when the server does not answer: then the rest
// between attempts is a fixed one.
func (h *holders) inTheWay(ctx context.Context) []holder {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	r, err := h.session.Query(ctx, `
		SELECT a.pid::bigint AS pid, a.application_name AS application, coalesce(a.state, '') AS state,
		       coalesce(a.query, '') AS query, a.xact_start::text AS began, clock_timestamp() - a.xact_start AS age
		FROM unnest(pg_catalog.pg_blocking_pids($1)) AS b (pid)
		JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
		WHERE a.xact_start IS NOT NULL`, h.pid)
	if err != nil {
		return nil
	}
	var out []holder
	for _, row := range engine.NewRows(r) {
		x := holder{pid: row["pid"].(int64), application: row["application"].(string), state: row["state"].(string), query: row["query"].(string), began: row["began"].(string)}
		x.age, _ = row["age"].(time.Duration)
		out = append(out, x)
	}
	return out
}

// outlast waits until the transactions are over, at least between and at most
// limit.
func (h *holders) outlast(ctx context.Context, list []holder, limit time.Duration) error {
	pids := make([]string, len(list))
	for i, x := range list {
		pids[i] = fmt.Sprintf("(%d, '%s')", x.pid, x.began)
	}
	began, rest := time.Now(), between
	for ; ; rest = 50 * time.Millisecond {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(rest):
		}
		if len(list) == 0 || time.Since(began)+between > limit {
			return nil
		}
		r, err := h.session.Query(ctx, "SELECT 1 FROM pg_catalog.pg_stat_activity WHERE (pid, xact_start::text) IN ("+strings.Join(pids, ", ")+") LIMIT 1")
		if err != nil {
			return context.Cause(ctx) // the next attempt will show what is wrong
		}
		if len(r.Rows) == 0 {
			return nil
		}
	}
}

// String says who it is: pid 7414 (loader), 3.2s in its transaction: INSERT ….
func (h holder) String() string {
	text := fmt.Sprintf("pid %d", h.pid)
	if h.application != "" {
		text += " (" + h.application + ")"
	}
	if h.age > 0 {
		text += fmt.Sprintf(", %s in its transaction", round(h.age))
	}
	if h.state != "" && h.state != "active" {
		text += ", " + h.state
	}
	return text + ": " + strings.Join(strings.Fields(h.query), " ")
}
