package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"runbook/engine/postgres"
)

// runLock keeps two runs of one runbook on one database from overlapping. It is
// an advisory lock of a session of its own, so that it ends with the run however
// the run ends. It is polled: a session that waits inside pg_advisory_lock would
// hold up every CREATE INDEX CONCURRENTLY of the database.
type runLock struct {
	session *session
	done    chan struct{}
	stopped chan struct{}
}

const (
	lockPoll        = 100 * time.Millisecond
	lockGrace       = 500 * time.Millisecond
	lockGraceResume = 10 * time.Second // the run that is resumed was most likely killed just now
	lockCheck       = 5 * time.Second
)

// LockedError says that another run of the runbook is under way.
type LockedError struct {
	Runbook string
	Holder  string // who, since when, doing what
	Waited  time.Duration
}

func (e *LockedError) Error() string {
	waited := ""
	if e.Waited > 0 {
		waited = fmt.Sprintf(", and still was after %s", e.Waited.Round(time.Second))
	}
	return fmt.Sprintf("another run of %s is under way on this database%s: %s", e.Runbook, waited, e.Holder)
}

// lockKey is the same for every run of a runbook; PostgreSQL keeps the keys of
// each database apart.
func lockKey(runbook string) int64 {
	h := fnv.New64a()
	h.Write([]byte("runbook/" + runbook))
	return int64(h.Sum64()) //nolint:gosec // any 64 bits will do
}

// acquireLock takes the lock, polling for as long as wait. grace is waited in any
// case: a server needs a moment to notice that a run was killed. lost is called
// when the session that holds the lock is gone before release.
func (c *Connections) acquireLock(ctx context.Context, runbook string, wait, grace time.Duration, lost func(error)) (*runLock, error) {
	s, err := c.connect(ctx, c.target, "lock", false)
	if err != nil {
		return nil, err
	}
	key, began := lockKey(runbook), time.Now()
	for {
		r, err := s.Query(ctx, "SELECT pg_catalog.pg_try_advisory_lock($1)", key)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("take the run lock: %w", err), s.Close(ctx))
		}
		if r.Rows[0][0] == true {
			break
		}
		if time.Since(began) >= max(wait, grace) {
			locked := &LockedError{Runbook: runbook, Holder: holderOf(ctx, s, key)}
			if wait > 0 {
				locked.Waited = time.Since(began)
			}
			return nil, errors.Join(locked, s.Close(ctx))
		}
		if err := sleep(ctx, lockPoll); err != nil {
			return nil, errors.Join(err, s.Close(context.WithoutCancel(ctx)))
		}
	}
	l := &runLock{session: s, done: make(chan struct{}), stopped: make(chan struct{})}
	go l.watch(context.WithoutCancel(ctx), lost)
	return l, nil
}

// watch asks now and then whether the session is still there.
func (l *runLock) watch(ctx context.Context, lost func(error)) {
	defer close(l.stopped)
	for {
		select {
		case <-l.done:
			return
		case <-time.After(lockCheck):
		}
		if _, err := l.session.Query(ctx, "SELECT 1"); err != nil {
			lost(fmt.Errorf("the run lock is lost: %w", err))
			return
		}
	}
}

// release gives the lock up by ending its session.
func (l *runLock) release(ctx context.Context) error {
	close(l.done)
	<-l.stopped
	return l.session.Close(ctx)
}

// holderOf describes the run that has the lock: its id from its
// application_name, where it comes from, since when, and the statement that it
// runs.
func holderOf(ctx context.Context, s *session, key int64) string {
	const query = `
		SELECT h.application_name, coalesce(host(h.client_addr), 'this machine'), h.backend_start::timestamptz(0)::text,
		       (SELECT left(regexp_replace(a.query, '\s+', ' ', 'g'), 80) FROM pg_catalog.pg_stat_activity a
		        WHERE a.application_name LIKE regexp_replace(h.application_name, '/lock$', '/%') AND a.pid NOT IN (h.pid, pg_backend_pid()) AND a.state = 'active' LIMIT 1)
		FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity h USING (pid)
		WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
		  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
		  AND (l.classid::bigint << 32) | l.objid::bigint = $1`
	r, err := s.Query(ctx, query, key)
	if err != nil || len(r.Rows) == 0 {
		return "its session has just ended"
	}
	row := r.Rows[0]
	text := fmt.Sprintf("%s from %s since %s", row[0], row[1], row[2])
	if row[3] != nil {
		text += ", running " + postgres.FormatValue(row[3])
	}
	return text
}
