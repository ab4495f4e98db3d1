package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"runbook/engine/event"
	"runbook/engine/postgres"
)

// switchHold holds the switch-over of a concurrent call back while a long
// transaction writes to the table.
//
// Note: to switch over, Citus waits for every transaction that has written to the
// table, and whoever wants to write after that waits behind it. There is no timeout
// to set, since giving up means copying all rows again. But Citus lets the shards
// catch up twice before, first after the copying and once more after the indexes,
// and asks the workers once a second how far they are. Kept from the answer of the
// second round (see hold) the call waits, in nobody's way, until no long transaction
// is open, and switches over within milliseconds.
//
// The second round may follow the first within a millisecond, which leaves no time
// to begin a hold in between. So one is there from the first round on and is
// relayed: the next is in the queue before one ends, and no question gets past both.
type switchHold struct {
	x      *distribution
	watch  *callWatch
	long   longWriters
	shards string // of the table, as a list for IN
	now    *hold

	subscriptions []string // of the call, by worker, as lists for IN
}

const (
	// holdTick is how often it is looked whether a phase has begun, or the writers
	// are done.
	holdTick = 20 * time.Millisecond
	// relayEvery is the time from one hold to the next, in which the call may ask
	// each worker once.
	relayEvery = 100 * time.Millisecond
	// learnEvery is how often writers are looked at while rows are copied.
	learnEvery = time.Second
	// holdFrom is how far the workers may be behind where the first round ends when
	// the holds begin: a long way takes long, and relaying costs the workers a
	// little all the time.
	holdFrom = 256 << 20
)

// errUnheld ends a hold that came too late.
var errUnheld = errors.New("the switch-over had begun before it could be held back")

// holdSwitch holds the switch-over of the call that caller makes back, as long as
// the returned function is not called. That it can't never fails the call.
func (x *distribution) holdSwitch(ctx context.Context, caller *postgres.Session) (stop func()) {
	if x.HoldSwitchOver == 0 || x.LockTimeout == 0 || x.env.Run().Engine != "citus" {
		return func() {}
	}
	h := &switchHold{
		x: x, watch: newCallWatch(x.env, caller),
		long: longWriters{limit: x.LockTimeout, known: map[string]struct{}{}},
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := h.run(ctx)
		h.now.end()
		h.watch.close(context.WithoutCancel(ctx))
		if err != nil && ctx.Err() == nil {
			_ = x.env.Emit(event.Warning{Step: x.env.Step(), Text: "the switch-over is not held back for long writers: " + err.Error()})
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// run holds until the writers are done, or for as long as it may.
func (h *switchHold) run(ctx context.Context) error {
	if err := h.copied(ctx); err != nil {
		return err
	}
	if err := h.firstRound(ctx); err != nil {
		return err
	}
	if err := h.secondRound(ctx); err != nil {
		return err
	}
	if err := h.quiet(ctx); err != nil {
		return err
	}
	h.now.end()
	h.x.progress.enter(switching)
	return nil
}

// copied waits until all rows are, and learns meanwhile which statements of the
// application take long.
func (h *switchHold) copied(ctx context.Context) error {
	var last time.Time
	for {
		switch phase := h.x.progress.phase(); {
		case phase == catchingUp:
			return h.connect(ctx)
		case phase == switching:
			return errUnheld
		case phase == copying && time.Since(last) >= learnEvery:
			last = time.Now()
			if err := h.connect(ctx); err != nil {
				return err
			}
			if _, err := h.writers(ctx); err != nil && !passing(err) {
				return err
			}
		}
		if err := rest(ctx, holdTick); err != nil {
			return err
		}
	}
}

// connect also reads which shards the table has, once.
func (h *switchHold) connect(ctx context.Context) error {
	if err := h.watch.connect(ctx); err != nil || h.shards != "" {
		return err
	}
	r, err := h.watch.session.Query(ctx, `
		SELECT coalesce(pg_catalog.string_agg(shardid::text, ', '), 'NULL') FROM pg_catalog.pg_dist_shard
		WHERE logicalrelid = $1::pg_catalog.regclass OR logicalrelid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.regclass))`, h.x.table.Name)
	if err != nil {
		return err
	}
	h.shards = postgres.FormatValue(r.Rows[0][0])
	return nil
}

// firstRound returns with a hold when all workers have caught up once.
func (h *switchHold) firstRound(ctx context.Context) error {
	nodes, err := h.replicates(ctx)
	if err != nil {
		return err
	}
	if err := h.near(ctx); err != nil {
		return err
	}
	h.now, err = newHold(ctx, h.x.env, "hold-1")
	if err != nil {
		return err
	}
	next, err := newHold(ctx, h.x.env, "hold-2")
	if err != nil {
		return err
	}
	defer func() { next.end() }()
	if err := h.now.take(ctx, h.watch.session); err != nil {
		return err
	}
	for {
		// What the call has said of a round is here before the time is over.
		if err := rest(ctx, relayEvery); err != nil {
			return err
		}
		if n := h.x.progress.rounds(nodes); n > 0 {
			return unheld(n)
		}
		if err := next.take(ctx, h.watch.session); err != nil {
			return err
		}
		if n := h.x.progress.rounds(nodes); n > 0 {
			return unheld(n)
		}
		h.now.end()
		h.now, next = next, h.now
	}
}

// secondRound returns when the call waits for the hold and the workers have caught
// up as far as it asks, so that it does not have to ask again when it is let go: it
// would do so after a second, and a second is long for writers to stay away.
func (h *switchHold) secondRound(ctx context.Context) error {
	for {
		waits, err := h.sum(ctx, `
			SELECT count(*) FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
			WHERE l.relation = 'pg_catalog.pg_subscription'::pg_catalog.regclass AND NOT l.granted AND a.application_name = '{CALL}'`)
		if err != nil {
			return err
		}
		if waits > 0 {
			break
		}
		if err := h.rest(ctx, relayEvery); err != nil {
			return err
		}
	}
	r, err := h.watch.session.Query(ctx, "SELECT pg_catalog.pg_current_wal_lsn()::text")
	if err != nil {
		return err
	}
	// The function reads no catalog, the view of it does.
	behind := `
		SELECT count(*) FROM pg_catalog.pg_stat_get_subscription(NULL)
		WHERE subid IN (` + strings.Join(h.subscriptions, ", ") + `) AND relid IS NULL AND (latest_end_lsn < '` + postgres.FormatValue(r.Rows[0][0]) + `') IS NOT false`
	for {
		n, err := h.sum(ctx, behind)
		if err != nil || n == 0 {
			return err
		}
		if err := h.rest(ctx, holdTick); err != nil {
			return err
		}
	}
}

// sum adds up what a query counts on all workers.
func (h *switchHold) sum(ctx context.Context, sql string) (int64, error) {
	answers, err := h.watch.workers(ctx, sql)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, a := range answers {
		n, err := strconv.ParseInt(a.json, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", a.node, err)
		}
		sum += n
	}
	return sum, nil
}

func unheld(rounds int) error {
	if rounds > 1 {
		return errUnheld
	}
	return nil
}

// replicates finds the subscriptions of the call, and how many nodes have some.
func (h *switchHold) replicates(ctx context.Context) (nodes int, err error) {
	r, err := replicationOf(ctx, beside{h.x.env, h.watch.session}, h.watch.pid)
	if err != nil {
		return 0, err
	}
	sql := "SELECT coalesce(pg_catalog.string_agg(oid::text, ', '), '') FROM pg_catalog.pg_subscription WHERE subname IN (" + literals(r.subscriptions) + ")"
	here, err := h.watch.here(ctx, sql)
	if err != nil {
		return 0, err
	}
	workers, err := h.watch.workers(ctx, sql)
	if err != nil {
		return 0, err
	}
	for _, a := range append(here, workers...) {
		if a.json == "" {
			continue
		}
		if nodes++; a.node != "" { // there is no hold on the coordinator
			h.subscriptions = append(h.subscriptions, a.json)
		}
	}
	if len(h.subscriptions) == 0 {
		return 0, errors.New("no worker has a subscription of the call")
	}
	return nodes, nil
}

// near waits until the first round may end soon. It ends at some position from now
// on.
func (h *switchHold) near(ctx context.Context) error {
	r, err := h.watch.session.Query(ctx, "SELECT pg_catalog.pg_current_wal_lsn()::text")
	if err != nil {
		return err
	}
	end := postgres.FormatValue(r.Rows[0][0])
	for {
		r, err := h.watch.session.Query(ctx, `
			SELECT coalesce(pg_catalog.bool_and(pg_catalog.pg_wal_lsn_diff($1::pg_catalog.pg_lsn, confirmed_flush_lsn) < $2::numeric), true)
			FROM pg_catalog.pg_replication_slots
			WHERE slot_name LIKE 'citus\_shard\_split\_slot\_%' AND database = pg_catalog.current_database()`, end, int64(holdFrom))
		if err != nil {
			return err
		}
		if r.Rows[0][0] == true {
			return nil
		}
		if err := rest(ctx, learnEvery/2); err != nil {
			return err
		}
	}
}

// quiet waits until no long transaction writes to the table, for as long as the
// switch-over may be held back.
func (h *switchHold) quiet(ctx context.Context) error {
	began := time.Now()
	for {
		long, err := h.writers(ctx)
		switch {
		case err != nil && !passing(err):
			return err
		case err == nil && len(long) == 0:
			return nil
		case time.Since(began) > h.x.HoldSwitchOver:
			return h.tired(long)
		}
		h.x.progress.hold(began, long)
		if err := h.rest(ctx, holdTick); err != nil {
			return err
		}
	}
}

// rest waits as long as the hold lasts.
func (h *switchHold) rest(ctx context.Context, d time.Duration) error {
	select {
	case err := <-h.now.ended:
		h.now.ended = nil
		return err
	default:
		return rest(ctx, d)
	}
}

// tired says that the switch-over is not held back any longer.
func (h *switchHold) tired(long []event.Holder) error {
	who := make([]string, len(long))
	for i, w := range long {
		if who[i] = fmt.Sprintf("pid %d", w.PID); w.GID != "" {
			who[i] = "prepared transaction " + w.GID
		}
		who[i] += ", " + round(time.Duration(w.Transaction)).String() + " in its transaction"
	}
	return fmt.Errorf("hold_switch_over is %s, and there was always a long transaction that had written to %s, now %s",
		h.x.HoldSwitchOver, h.x.table.Name, strings.Join(who, "; "))
}

// writers are those whom others would wait for too long, on any node. The workers
// are asked when there is none on the call's own.
func (h *switchHold) writers(ctx context.Context) ([]event.Holder, error) {
	sql := strings.ReplaceAll(writersSQL, "{SHARDS}", h.shards)
	for _, ask := range []func(context.Context, string) ([]answer, error){h.watch.here, h.watch.workers} {
		answers, err := ask(ctx, sql)
		if err != nil {
			return nil, err
		}
		for _, a := range answers {
			var list []writer
			if err := json.Unmarshal([]byte(a.json), &list); err != nil {
				return nil, fmt.Errorf("read the writers of %s: %w", a.node, err)
			}
			if long := h.long.among(list); len(long) > 0 {
				for i := range long {
					long[i].Node = a.node
				}
				return long, nil
			}
		}
	}
	return nil, nil
}

// rest waits for d, or until ctx ends.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
