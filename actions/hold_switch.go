package actions

import (
	"context"
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
//
// Once writers are locked out there is a third round. A worker that is behind by a
// moment then costs them a second, until it is asked again. So that question is held
// as well, until all workers have caught up, which takes milliseconds.
type switchHold struct {
	x             *distribution
	watch         *callWatch
	long          longWriters
	shards        string   // of the table, as a list for IN
	workers       []string // that have subscriptions of the call
	subscriptions string   // of the call on them, as a list for IN
	first         string   // of the workers, in the order in which they are asked
	now, next     *hold
}

const (
	// holdTick is how often it is looked whether a phase has begun, or the writers
	// are done.
	holdTick = 20 * time.Millisecond
	// relayEvery is the time from one hold to the next, in which the call may ask
	// each worker once.
	relayEvery = 100 * time.Millisecond
	// learnEvery is how often writers are looked at before all rows are copied.
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
		long: longWriters{limit: x.LockTimeout, known: map[string]int{}},
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := h.run(ctx)
		h.now.end()
		h.next.end()
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
	for _, part := range []func(context.Context) error{h.copied, h.firstRound, h.secondRound, h.quiet, h.thirdRound} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// copied waits until all rows are, and learns meanwhile which statements of the
// application take long. Those that were in the way of a lock before are known.
func (h *switchHold) copied(ctx context.Context) error {
	for _, x := range h.x.attempts.met {
		h.long.met(x)
	}
	var last time.Time
	for {
		switch phase := h.x.progress.phase(); {
		case phase == catchingUp:
			return h.connect(ctx)
		case phase == switching:
			return errUnheld
		case time.Since(last) >= learnEvery:
			last = time.Now()
			if err := h.connect(ctx); err != nil {
				return err
			}
			if _, err := h.writers(ctx, h.watch.here); err != nil && !passing(err) {
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

// firstRound returns when the first worker has caught up once, with a hold on it.
func (h *switchHold) firstRound(ctx context.Context) error {
	if err := h.replicates(ctx); err != nil {
		return err
	}
	if err := h.near(ctx); err != nil {
		return err
	}
	var err error
	if h.now, err = newHold(ctx, h.x.env, "hold-1"); err != nil {
		return err
	}
	if h.next, err = newHold(ctx, h.x.env, "hold-2"); err != nil {
		return err
	}
	if err := h.now.take(ctx, h.watch.session, ""); err != nil {
		return err
	}
	for {
		// What the call has said of a round is here before the time is over.
		if err := rest(ctx, relayEvery); err != nil {
			return err
		}
		if h.heardFirst() {
			break
		}
		if err := h.next.take(ctx, h.watch.session, ""); err != nil {
			return err
		}
		if h.heardFirst() {
			h.next.end()
			break
		}
		h.relay()
	}
	return h.onFirst(ctx)
}

// heardFirst says whether a worker has caught up. Of several no second one has: it
// waits for the hold.
func (h *switchHold) heardFirst() bool {
	h.first, _ = h.x.progress.first(h.workers)
	return h.first != ""
}

// relay ends the hold in favour of the next.
func (h *switchHold) relay() {
	h.now.end()
	h.now, h.next = h.next, h.now
}

// onFirst holds the first worker alone, which is asked first in each round.
func (h *switchHold) onFirst(ctx context.Context) error {
	if _, times := h.x.progress.first(h.workers); times > 1 {
		return errUnheld
	}
	if len(h.workers) == 1 { // that may be asked for the second time already
		return nil
	}
	if err := h.next.take(ctx, h.watch.session, h.first); err != nil {
		return err
	}
	h.relay()
	return nil
}

// secondRound returns when the call waits for the hold, with another in the queue
// behind it.
func (h *switchHold) secondRound(ctx context.Context) error {
	for {
		asked, err := h.asked(ctx)
		if err != nil {
			return err
		}
		if asked {
			return h.next.take(ctx, h.watch.session, h.first)
		}
		if err := h.rest(ctx, relayEvery); err != nil {
			return err
		}
	}
}

// thirdRound lets the call switch over, and holds it once more for the moment that
// the workers take to catch up. Should the call have to ask twice in the second
// round, that is what is held.
func (h *switchHold) thirdRound(ctx context.Context) error {
	h.now.letGo()
	h.now, h.next = h.next, h.now
	h.x.progress.enter(switching)
	for began := time.Now(); ; {
		_, heard := h.x.progress.first(h.workers)
		asked, err := h.asked(ctx)
		if err != nil {
			return err
		}
		took := time.Since(began)
		if asked && (heard > 1 || took > time.Second/2) {
			break
		}
		pace := holdTick / 4
		if took > time.Second { // it waits for writers all the same
			pace = relayEvery
		}
		if err := h.rest(ctx, pace); err != nil {
			return err
		}
	}
	return h.caughtUp(ctx)
}

// caughtUp waits until all workers are where the coordinator is now. After a second
// the call would ask again.
func (h *switchHold) caughtUp(ctx context.Context) error {
	began := time.Now()
	now, err := h.position(ctx)
	if err != nil {
		return err
	}
	for time.Since(began) < time.Second {
		behind, err := h.behind(ctx, now)
		if err != nil || !behind {
			return err
		}
		if err := h.rest(ctx, holdTick/4); err != nil {
			return err
		}
	}
	return nil
}

// asked says whether the call waits for a hold.
func (h *switchHold) asked(ctx context.Context) (bool, error) {
	n, err := h.sum(ctx, `
		SELECT count(*) FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
		WHERE l.relation = 'pg_catalog.pg_stat_subscription'::pg_catalog.regclass AND NOT l.granted AND a.application_name = '{CALL}'`)
	return n > 0, err
}

// position is where the coordinator's WAL ends now.
func (h *switchHold) position(ctx context.Context) (string, error) {
	r, err := h.watch.session.Query(ctx, "SELECT pg_catalog.pg_current_wal_lsn()::text")
	if err != nil {
		return "", err
	}
	return postgres.FormatValue(r.Rows[0][0]), nil
}

// behind says whether a worker has not replayed what was written up to a position.
// It asks the function that the view asks, which is not held.
func (h *switchHold) behind(ctx context.Context, position string) (bool, error) {
	n, err := h.sum(ctx, `
		SELECT count(*) FROM pg_catalog.pg_stat_get_subscription(NULL)
		WHERE subid IN (`+h.subscriptions+`) AND relid IS NULL AND (latest_end_lsn < '`+position+`') IS NOT false`)
	return n > 0, err
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

// replicates finds the subscriptions of the call. There is no hold on the
// coordinator, should it get shards as well.
func (h *switchHold) replicates(ctx context.Context) error {
	r, err := replicationOf(ctx, beside{h.x.env, h.watch.session}, h.watch.pid)
	if err != nil {
		return err
	}
	answers, err := h.watch.workers(ctx, "SELECT coalesce(pg_catalog.string_agg(oid::text, ', '), '') FROM pg_catalog.pg_subscription WHERE subname IN ("+literals(r.subscriptions)+")")
	if err != nil {
		return err
	}
	var oids []string
	for _, a := range answers {
		if a.json != "" {
			h.workers, oids = append(h.workers, a.node), append(oids, a.json)
		}
	}
	if len(h.workers) == 0 {
		return errors.New("no worker has a subscription of the call")
	}
	h.subscriptions = strings.Join(oids, ", ")
	return nil
}

// near waits until the first round may end soon. It ends at some position from now
// on.
func (h *switchHold) near(ctx context.Context) error {
	end, err := h.position(ctx)
	if err != nil {
		return err
	}
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

// rest waits for d, or until ctx ends.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
