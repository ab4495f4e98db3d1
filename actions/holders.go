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
	"runbook/engine/postgres"
)

//go:embed holders.sql
var holdersSQL string

// holders looks, from a session of its own, which transactions are in the way of
// the step's connection, on the workers too.
//
// Note: trying again at a fixed interval stalls the application for lock_timeout
// each time, which adds up to a third of the time behind a long batch. Knowing who
// was in the way, the next attempt waits, without queueing, until they are done.
type holders struct {
	session   *postgres.Session
	query     string // holdersSQL about the step's connection
	citus     bool
	superuser bool // is the step's role
}

// holder is a transaction that was in the way.
type holder struct {
	node        string // host:port of a worker, "" where the step's connection leads
	PID         int64
	Application string
	State       string
	Query       string
	Began       string  // when its transaction did, as the server writes it
	Age         float64 // of its transaction, in seconds
	Yields      bool    // to whom the server finds waiting for deadlock_timeout
}

func newHolders(ctx context.Context, env *engine.Env) (*holders, error) {
	h := &holders{citus: env.Run().Engine == "citus"}
	call := "''"
	if h.citus {
		call = "'citus_internal gpid=' || pg_catalog.citus_backend_gpid()"
	}
	rows, err := silent{env}.Rows(ctx, "SELECT pg_catalog.pg_backend_pid()::text AS pid, pg_catalog.current_setting('is_superuser') AS superuser, "+call+" AS call")
	if err != nil {
		return nil, err
	}
	h.superuser = rows[0]["superuser"] == "on"
	h.query = strings.NewReplacer("{PID}", rows[0]["pid"].(string), "{CALL}", rows[0]["call"].(string)).Replace(holdersSQL)
	if h.session, err = env.Side(ctx, "holders"); err == nil && h.citus {
		h.inTheWay(ctx) // the first answer takes several times as long as the others
	}
	return h, err
}

// during takes one sample after a delay, in which whoever holds a lock for a
// moment only has let it go. The returned function waits for it and says who was
// in the way; none if the statement got its lock before. It begins earlier on
// Citus, where the answer of the workers is to come in time too.
func (h *holders) during(ctx context.Context, lockTimeout time.Duration) func() []holder {
	delay := lockTimeout / 2
	if h.citus {
		delay /= 2
	}
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
// between attempts is a fixed one. The workers are asked only when nobody is in
// the way here, since each time takes connections to all of them.
func (h *holders) inTheWay(ctx context.Context) []holder {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	r, err := h.session.Query(ctx, h.query)
	if err != nil {
		return nil
	}
	out := holdersIn("", postgres.FormatValue(r.Rows[0][0]))
	if len(out) == 0 && h.citus {
		return h.onWorkers(ctx)
	}
	return out
}

func (h *holders) onWorkers(ctx context.Context) (out []holder) {
	r, err := h.session.Query(ctx, "SELECT nodename || ':' || nodeport, result FROM pg_catalog.run_command_on_workers($1) WHERE success", h.query)
	if err != nil {
		return nil
	}
	for _, row := range r.Rows {
		out = append(out, holdersIn(postgres.FormatValue(row[0]), postgres.FormatValue(row[1]))...)
	}
	return out
}

// holdersIn reads what holders.sql says.
func holdersIn(node, text string) []holder {
	var list []holder
	if json.Unmarshal([]byte(text), &list) != nil {
		return nil
	}
	for i := range list {
		list[i].node = node
	}
	return list
}

// outlast waits until the transactions are over, at least between and at most
// limit.
func (h *holders) outlast(ctx context.Context, list []holder, limit time.Duration) error {
	elsewhere := slices.ContainsFunc(list, func(x holder) bool { return x.node != "" })
	began, rest := time.Now(), between
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(rest):
		}
		if len(list) == 0 || time.Since(began)+between > limit {
			return nil
		}
		over, err := h.over(ctx, list, elsewhere)
		if err != nil {
			return context.Cause(ctx) // the next attempt will show what is wrong
		}
		if over {
			return nil
		}
		if !elsewhere {
			rest = 50 * time.Millisecond
		}
	}
}

// over says whether none of the transactions goes on; all are on the workers, or
// none is. A worker that does not answer has none.
func (h *holders) over(ctx context.Context, list []holder, elsewhere bool) (bool, error) {
	ids := make([]string, len(list))
	for i, x := range list {
		ids[i] = fmt.Sprintf("(%d, '%s')", x.PID, x.Began)
	}
	sql := "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE (pid, xact_start::text) IN (" + strings.Join(ids, ", ") + ")"
	var r *postgres.Result
	var err error
	if elsewhere {
		r, err = h.session.Query(ctx, "SELECT coalesce(sum(result::bigint) FILTER (WHERE success), 0) FROM pg_catalog.run_command_on_workers($1)", sql)
	} else {
		r, err = h.session.Query(ctx, sql)
	}
	return err == nil && postgres.FormatValue(r.Rows[0][0]) == "0", err
}

// String says who it is: pid 7414 (loader), 3.2s in its transaction: INSERT …; pid
// 7414 on worker 10.0.0.5:5432 where it is there.
func (h holder) String() string {
	text := fmt.Sprintf("pid %d", h.PID)
	if h.node != "" {
		text += " on worker " + h.node
	}
	if h.Application != "" {
		text += " (" + h.Application + ")"
	}
	if h.Age > 0 {
		text += fmt.Sprintf(", %s in its transaction", round(time.Duration(h.Age*float64(time.Second))))
	}
	if h.State != "" && h.State != "active" {
		text += ", " + h.State
	}
	return text + ": " + strings.Join(strings.Fields(h.Query), " ")
}
