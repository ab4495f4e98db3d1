package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"runbook/engine/postgres"
	"runbook/internal/faulty"
)

func TestQuery(t *testing.T) {
	s := connect(t, postgres.Options{})
	r, err := s.QueryLimit(t.Context(), 2, "SELECT n, 'x' AS x FROM generate_series(1, $1::int) AS n", int64(5))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 2 || r.Dropped != 3 || r.Affected != 0 || r.Tag != "SELECT 5" || r.Duration <= 0 {
		t.Errorf("got %+v", r)
	}
	if got := fmt.Sprint(r.Columns); got != "[{n 23 integer} {x 25 text}]" {
		t.Errorf("columns %s", got)
	}
	for _, c := range []struct {
		sql      string
		affected int64
	}{
		{"CREATE TEMP TABLE t AS SELECT generate_series(1, 4) AS n", 4},
		{"INSERT INTO t VALUES (5), (6) RETURNING n", 2},
	} {
		if r := query(t, s, c.sql); r.Affected != c.affected {
			t.Errorf("%s: affected %d, want %d", c.sql, r.Affected, c.affected)
		}
	}
	if r := query(t, s, "SELECT FROM t"); len(r.Rows) == 0 || r.Affected != 0 {
		t.Errorf("rows without columns: %+v", r)
	}
}

func TestNotSent(t *testing.T) {
	refused := errors.New("journal is full")
	var observed int
	s := connect(t, postgres.Options{
		Begin: func(e postgres.Execution) error {
			if strings.Contains(e.SQL, "refuse") {
				return refused
			}
			return nil
		},
		Observe: func(postgres.Execution) { observed++ },
	})
	if _, err := s.Query(t.Context(), "SELECT 'refuse'"); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Query(canceled, "SELECT 1"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for sql, want := range map[string]string{
		"SELECT 1; SELECT 2": "2 statements at once, want one",
		"COPY t FROM STDIN":  "COPY from or to the client is not supported",
		"SELECT '\x00'":      "statement holds a NUL byte",
	} {
		if _, err := s.Query(t.Context(), sql); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", sql, err, want)
		}
	}
	if _, err := s.Drain(t.Context(), postgres.Simple, "SELECT $1", "x"); err == nil {
		t.Error("the simple protocol took a parameter")
	}
	if observed != 0 {
		t.Errorf("observed %d statements that were not sent", observed)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Query(t.Context(), "SELECT 1"); !errors.Is(err, postgres.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestObserve(t *testing.T) {
	var seen []postgres.Execution
	s := connect(t, postgres.Options{Observe: func(e postgres.Execution) { seen = append(seen, e) }})
	query(t, s, "SELECT 1")
	for _, mode := range []postgres.Mode{postgres.Extended, postgres.Prepared} {
		if _, err := s.Drain(t.Context(), mode, "SELECT $1::int", int64(7)); err != nil {
			t.Fatal(err)
		}
	}
	s.Query(t.Context(), "SELECT nothing")
	if len(seen) != 4 {
		t.Fatalf("observed %d", len(seen))
	}
	for _, e := range seen[:3] {
		if e.Tag != "SELECT 1" || e.Rows != 1 || e.PID != s.PID() || e.Duration <= 0 || e.Err != nil {
			t.Errorf("got %+v", e)
		}
	}
	if seen[3].Err == nil {
		t.Error("error not observed")
	}
}

func TestErrorPosition(t *testing.T) {
	s := connect(t, postgres.Options{})
	stmt := "SELECT 'é→😀', wrong"
	_, err := s.Query(t.Context(), stmt)
	var e *postgres.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if got := stmt[postgres.OffsetAt(stmt, e.Position):]; got != "wrong" {
		t.Errorf("position %d is %q", e.Position, got)
	}
	if want := `column "wrong" does not exist (SQLSTATE 42703 undefined_column)`; err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = s.Query(t.Context(), "DO $$ BEGIN PERFORM wrong; END $$")
	if !errors.As(err, &e) || e.InternalQuery == "" || e.InternalPosition == 0 || e.Where == "" {
		t.Errorf("got %+v", e)
	}
}

func TestDescribe(t *testing.T) {
	s := connect(t, postgres.Options{})
	columns, err := s.Describe(t.Context(), "SELECT now() AS at, ARRAY[1.5] AS list")
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(columns); got != "[{at 1184 timestamp with time zone} {list 1231 numeric[]}]" {
		t.Errorf("got %s", got)
	}
	if _, err := s.Describe(t.Context(), "CREATE TABLE oops ("); err == nil {
		t.Error("syntax error not found")
	}
	if columns, err := s.Describe(t.Context(), "VACUUM"); err != nil || columns != nil {
		t.Errorf("got %v, %v", columns, err)
	}
}

func TestNotice(t *testing.T) {
	var notices []postgres.Notice
	s := connect(t, postgres.Options{OnNotice: func(n postgres.Notice) { notices = append(notices, n) }})
	query(t, s, "DO $$ BEGIN RAISE WARNING 'careful' USING HINT = 'slowly'; END $$")
	if len(notices) != 1 {
		t.Fatalf("got %v", notices)
	}
	n := notices[0]
	if n.Severity != "WARNING" || n.Message != "careful" || n.Hint != "slowly" || n.SQLSTATE != "01000" || n.PID != s.PID() {
		t.Errorf("got %+v", n)
	}
}

// An error has the warnings of its own statement, the last ones.
func TestWarnings(t *testing.T) {
	s := connect(t, postgres.Options{})
	warnings := func(sql string) []postgres.Notice {
		t.Helper()
		_, err := s.Query(t.Context(), sql)
		var e *postgres.Error
		if !errors.As(err, &e) {
			t.Fatalf("got %v, want an error of the server", err)
		}
		return e.Warnings
	}
	list := warnings("DO $$ BEGIN RAISE NOTICE 'by the way'; FOR i IN 1..100 LOOP RAISE WARNING 'round %', i USING ERRCODE = '55P03'; END LOOP; PERFORM 1/0; END $$")
	if n := len(list); n == 0 || n == 100 || list[n-1].Message != "round 100" || list[n-1].SQLSTATE != "55P03" || list[0].Severity != "WARNING" {
		t.Errorf("got %+v", list)
	}
	query(t, s, "DO $$ BEGIN RAISE WARNING 'careful'; END $$")
	if list := warnings("SELECT 1/0"); len(list) > 0 {
		t.Errorf("got %+v of an earlier statement", list)
	}
}

func TestCancel(t *testing.T) {
	s := connect(t, postgres.Options{})
	other := connect(t, postgres.Options{})
	reason := errors.New("abort_if")
	run := func(ctx context.Context, run func(context.Context) error, want error) {
		t.Helper()
		err := run(ctx)
		var e *postgres.Error
		if !errors.As(err, &e) || e.SQLSTATE != "57014" || !errors.Is(err, want) {
			t.Errorf("got %v, want %v and 57014", err, want)
		}
		state := value(t, other, fmt.Sprintf("SELECT state FROM pg_stat_activity WHERE pid = %d", s.PID()))
		if s.Closed() || state != "idle" {
			t.Errorf("closed %v, backend %v, want an idle one", s.Closed(), state)
		}
		if got := value(t, s, "SELECT 42"); got != int64(42) {
			t.Errorf("after cancel: %v", got)
		}
	}
	sleep := func(ctx context.Context) error { _, err := s.Query(ctx, "SELECT pg_sleep(60)"); return err }
	prepared := func(ctx context.Context) error {
		_, err := s.Drain(ctx, postgres.Prepared, "SELECT pg_sleep($1)", int64(60))
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	run(ctx, sleep, context.DeadlineExceeded)
	caused, abort := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { abort(reason) })
	run(caused, prepared, reason)
	caused, abort = context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { abort(reason) })
	run(caused, sleep, context.Canceled)
}

func TestCancelTooLate(t *testing.T) {
	s := connect(t, postgres.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r, err := s.Query(ctx, "DO $$ BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END $$")
	if err != nil || r.Tag != "DO" {
		t.Errorf("a statement that completed is no failure: %v", err)
	}
}

func TestCommitRolledBack(t *testing.T) {
	s := connect(t, postgres.Options{})
	query(t, s, "BEGIN")
	if _, err := s.Query(t.Context(), "SELECT 1/0"); err == nil {
		t.Fatal("no error")
	}
	if !s.InTransaction() || !s.FailedTransaction() {
		t.Error("the transaction is not seen as failed")
	}
	if _, err := s.Query(t.Context(), "/* end */ COMMIT"); !errors.Is(err, postgres.ErrRolledBack) {
		t.Errorf("got %v", err)
	}
	query(t, s, "BEGIN")
	if err := s.Rollback(t.Context()); err != nil || s.InTransaction() {
		t.Errorf("rollback: %v", err)
	}
}

func TestLostAfterCommit(t *testing.T) {
	direct := connect(t, postgres.Options{})
	query(t, direct, "DROP TABLE IF EXISTS lost", "CREATE TABLE lost (n int)")
	s := connectTo(t, through(t, faulty.CutAfter, "COMMIT"), postgres.Options{})
	query(t, s, "BEGIN", "INSERT INTO lost VALUES (1)")
	_, err := s.Query(t.Context(), "COMMIT")
	var lost *postgres.LostError
	if !errors.As(err, &lost) || lost.Statement != "COMMIT" {
		t.Fatalf("got %v, want a LostError", err)
	}
	if want := "connection lost, outcome of the statement unknown: network: EOF"; err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if !s.Closed() {
		t.Error("session not closed")
	}
	if n := value(t, direct, "SELECT count(*) FROM lost"); n != int64(1) {
		t.Errorf("the proxy did not forward COMMIT: %v rows", n)
	}
	if _, err := s.Query(t.Context(), "SELECT 1"); !errors.Is(err, postgres.ErrClosed) || errors.As(err, &lost) {
		t.Errorf("a statement that was not sent is not lost: %v", err)
	}
}

func TestTerminated(t *testing.T) {
	other := connect(t, postgres.Options{})
	for _, mode := range []postgres.Mode{postgres.Simple, postgres.Extended, postgres.Prepared} {
		s := connect(t, postgres.Options{})
		terminated := make(chan struct{})
		time.AfterFunc(50*time.Millisecond, func() {
			defer close(terminated)
			other.Query(context.Background(), fmt.Sprintf("SELECT pg_terminate_backend(%d)", s.PID()))
		})
		_, err := s.Drain(t.Context(), mode, "SELECT pg_sleep(60)")
		<-terminated
		var (
			lost *postgres.LostError
			e    *postgres.Error
		)
		if !errors.As(err, &lost) || !errors.As(err, &e) || e.SQLSTATE != "57P01" || !s.Closed() {
			t.Errorf("%v: got %v", mode, err)
		}
	}
}

func TestIdleTimeoutIsNotLost(t *testing.T) {
	s := connect(t, postgres.Options{})
	query(t, s, "SET idle_in_transaction_session_timeout = '20ms'", "BEGIN")
	time.Sleep(200 * time.Millisecond)
	_, err := s.Query(t.Context(), "COMMIT")
	var (
		lost *postgres.LostError
		e    *postgres.Error
	)
	// The network may refuse the statement before the farewell is read.
	told := errors.As(err, &e) && e.SQLSTATE == "25P03" || errors.Is(err, postgres.ErrClosed)
	if errors.As(err, &lost) || !told || !s.Closed() {
		t.Errorf("got %v", err)
	}
}

func TestPreparedAgain(t *testing.T) {
	s := connect(t, postgres.Options{})
	query(t, s, "CREATE TEMP TABLE t (a int)", "INSERT INTO t VALUES (1), (2)")
	drain := func() {
		t.Helper()
		if rows, err := s.Drain(t.Context(), postgres.Prepared, "SELECT * FROM t"); err != nil || rows != 2 {
			t.Fatalf("%d rows, %v", rows, err)
		}
	}
	drain()
	drain()
	query(t, s, "ALTER TABLE t ADD b text")
	drain()
	query(t, s, "DEALLOCATE ALL")
	drain()
}

func TestConnectErrors(t *testing.T) {
	missing := strings.Replace(server.DSN(), "/runbook", "/missing", 1)
	for dsn, want := range map[string]string{
		missing:                             `database "missing" does not exist (SQLSTATE 3D000 invalid_catalog_name)`,
		"postgres://u:secret@127.0.0.1:1/d": "dial tcp 127.0.0.1:1: connect: connection refused",
		"host=/nowhere port=7 user=u password=secret": "dial unix /nowhere/.s.PGSQL.7: connect: no such file or directory",
	} {
		target, err := postgres.ParseTarget(dsn)
		if err != nil {
			t.Fatal(err)
		}
		_, err = postgres.Connect(t.Context(), target, postgres.Options{})
		if !errors.Is(err, postgres.ErrConnect) {
			t.Fatalf("%s: got %v", dsn, err)
		}
		if want = "connect to " + target.String() + ": " + want; err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	target, err := postgres.ParseTarget("postgres://u@" + listener.Addr().String() + "/d")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := postgres.Connect(ctx, target, postgres.Options{}); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, postgres.ErrConnect) {
		t.Errorf("got %v", err)
	}
}

func TestBusy(t *testing.T) {
	sleeping := make(chan error, 1)
	s := connect(t, postgres.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, err := s.Query(ctx, "SELECT pg_sleep(60)")
		sleeping <- err
	}()
	other := connect(t, postgres.Options{})
	for value(t, other, fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %d AND state = 'active'", s.PID())) == int64(0) {
		time.Sleep(time.Millisecond)
	}
	if _, err := s.Query(t.Context(), "SELECT 1"); !errors.Is(err, postgres.ErrBusy) {
		t.Errorf("got %v", err)
	}
	cancel()
	if err := <-sleeping; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestParameter(t *testing.T) {
	s := connect(t, postgres.Options{ApplicationName: "runbook/42"})
	if s.Parameter("server_version") == "" || s.Parameter("application_name") != "runbook/42" {
		t.Error("parameters are not reported")
	}
}
