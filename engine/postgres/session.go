package postgres

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// Options of a [Session]. The zero value works.
type Options struct {
	// ApplicationName is what pg_stat_activity shows, default that of the
	// connection string, else "runbook".
	ApplicationName string

	// CancelWait is how long a cancelled statement may take to stop before the
	// connection is given up, default 5 s.
	CancelWait time.Duration

	// Begin is called before each statement is sent. If it returns an error the
	// statement is not sent, and the error is returned: what has to be on disk
	// before the database changes belongs here.
	Begin func(Execution) error

	// Observe is called after each statement that Begin let pass.
	Observe func(Execution)

	// OnNotice is called for each notice. It runs inside of the statement that
	// caused it and must not use the session.
	OnNotice func(Notice)
}

// Execution is one statement sent to the server. Before it is sent only SQL,
// Args, Start and PID are known.
type Execution struct {
	SQL      string
	Args     []any
	Start    time.Time
	Duration time.Duration
	Tag      string // the server's command tag, such as "INSERT 0 5"
	Rows     int64  // rows it returned, kept or not
	Affected int64  // rows it changed
	Err      error
	PID      uint32 // the backend
}

// Notice is a message of the server that is no error.
type Notice struct {
	SQLSTATE string
	Severity string // NOTICE, WARNING, INFO, …
	Message  string
	Detail   string
	Hint     string
	Where    string
	PID      uint32
}

// Session is one connection to the database, and so one backend. It runs one
// statement at a time; only PID may be called while one is running.
//
// A context that ends while a statement runs cancels it through the server. The
// session then waits for the backend to stop and stays usable. The error is both
// the context's and, where the server said so, an *[Error] with SQLSTATE 57014.
// A statement that completes in spite of the request has succeeded.
type Session struct {
	conn     *pgconn.PgConn
	options  Options
	pid      uint32
	running  sync.Mutex
	wire     wire
	crash    *pgconn.Notice                          // the server's farewell before it drops all connections
	prepared map[string]*pgconn.StatementDescription // by SQL text
	names    int                                     // prepared so far, for their names
	vetted   string                                  // the last statement found fit to send
	warnings []Notice                                // of the statement that runs, the last ones
}

// Connect opens a session. Every failure is a *[ConnectError]; what the server
// said, such as a wrong password, is an *[Error] in it.
func Connect(ctx context.Context, t *Target, options Options) (*Session, error) {
	s := &Session{options: options, prepared: map[string]*pgconn.StatementDescription{}}
	config := t.config.Copy()
	config.DialFunc = s.wire.watch(config.DialFunc)
	config.OnNotice = s.onNotice
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{
			Conn:          conn,
			DeadlineDelay: cmp.Or(options.CancelWait, 5*time.Second),
		}
	}
	maps.Copy(config.RuntimeParams, map[string]string{
		"application_name": cmp.Or(options.ApplicationName, config.RuntimeParams["application_name"], "runbook"),
		// The forms that the decoder reads. As startup parameters they are also
		// what RESET ALL and DISCARD ALL go back to.
		"client_encoding": "UTF8",
		"DateStyle":       "ISO",
		"IntervalStyle":   "postgres",
	})
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, newConnectError(ctx, t, err)
	}
	s.wire.established.Store(true)
	s.conn, s.pid = conn, conn.PID()
	return s, nil
}

func (s *Session) onNotice(conn *pgconn.PgConn, n *pgconn.Notice) {
	const crashShutdown = "57P02"
	if n.Code == crashShutdown {
		s.crash = n
	}
	notice := Notice{
		SQLSTATE: n.Code,
		Severity: cmp.Or(n.SeverityUnlocalized, n.Severity),
		Message:  n.Message,
		Detail:   n.Detail,
		Hint:     n.Hint,
		Where:    n.Where,
		PID:      conn.PID(),
	}
	if notice.Severity == "WARNING" {
		s.warn(notice)
	}
	if s.options.OnNotice != nil {
		s.options.OnNotice(notice)
	}
}

// warn keeps a warning for the error that may follow; a loop can give any number.
func (s *Session) warn(n Notice) {
	const kept = 16
	if len(s.warnings) == kept {
		s.warnings = slices.Delete(s.warnings, 0, 1)
	}
	s.warnings = append(s.warnings, n)
}

// PID is the process id of the backend, which stays known after Close.
func (s *Session) PID() uint32 { return s.pid }

// Closed says whether the connection is gone, by Close or by accident.
func (s *Session) Closed() bool { return s.conn.IsClosed() }

// InTransaction says whether a transaction block is open, failed or not.
func (s *Session) InTransaction() bool { return !s.Closed() && s.conn.TxStatus() != 'I' }

// FailedTransaction says whether a transaction block is open in which a
// statement has failed, so that only a rollback is accepted.
func (s *Session) FailedTransaction() bool { return !s.Closed() && s.conn.TxStatus() == 'E' }

// Parameter is a setting that the server reports by itself, such as
// server_version or TimeZone, and "" for all others.
func (s *Session) Parameter(name string) string { return s.conn.ParameterStatus(name) }

// Rollback ends the open transaction block, if there is one.
func (s *Session) Rollback(ctx context.Context) error {
	if !s.InTransaction() {
		return nil
	}
	_, err := s.Query(ctx, "ROLLBACK")
	return err
}

// Close ends the session, and with it the open transaction and all that lives as
// long as a session does. Closing twice does no harm.
func (s *Session) Close(ctx context.Context) error {
	if err := s.conn.Close(ctx); err != nil {
		return fmt.Errorf("close session: %w", err)
	}
	return nil
}
