package engine

import (
	"context"
	"errors"
	"fmt"

	"runbook/engine/event"
	"runbook/engine/postgres"
)

// committed runs a statement so that it can be told after a crash whether it
// happened. A COMMIT is announced with its transaction's id, which the server
// can be asked about later. A statement that would commit by itself gets a
// transaction of its own for that.
func (e *Env) committed(ctx context.Context, s *session, st Statement, run func() error) error {
	switch {
	case s.InTransaction() && isCommit(st.Text):
		if err := e.announceCommit(ctx, s); err != nil {
			return err
		}
		return run()
	case s.InTransaction() || !ownTransaction(st):
		return run()
	}
	if _, err := s.Query(ctx, "BEGIN"); err != nil {
		return err
	}
	err := run()
	if err == nil {
		err = e.announceCommit(ctx, s)
	}
	if err != nil {
		return errors.Join(err, e.Rollback(ctx))
	}
	_, err = s.Query(ctx, "COMMIT")
	return err
}

// announceCommit puts the id of the open transaction on record, if it has
// changed anything.
func (e *Env) announceCommit(ctx context.Context, s *session) error {
	if s.FailedTransaction() {
		return nil // the COMMIT will roll back
	}
	back := s.use(e.path, nil) // a question of the engine's own, and no event
	r, err := s.Query(ctx, "SELECT pg_catalog.pg_current_xact_id_if_assigned()::text")
	back()
	if err != nil {
		return fmt.Errorf("ask for the transaction's id: %w", err)
	}
	xid, changed := r.Rows[0][0].(string)
	if !changed {
		return nil
	}
	return e.Emit(event.Committing{Step: e.path, Connection: s.name, PID: s.PID(), XID: xid})
}

func isCommit(sql string) bool {
	word := firstWord(sql)
	return word == "COMMIT" || word == "END"
}

// ownTransaction says whether a statement that changes something means the same
// inside a transaction of its own. A CALL or a DO may commit by itself, REINDEX
// and CLUSTER of a partitioned table refuse a transaction, and what a SELECT
// calls is not known.
func ownTransaction(st Statement) bool {
	if st.Class != postgres.Write && st.Class != postgres.DDL {
		return false
	}
	switch firstWord(st.Text) {
	case "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "TRUNCATE", "COPY", "CREATE", "ALTER", "DROP", "GRANT", "REVOKE", "COMMENT",
		"REFRESH", "REASSIGN", "IMPORT", "SECURITY":
		return true
	}
	return false
}
