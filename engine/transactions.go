package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// inTransaction says whether a transaction is open on a connection.
func (x *executor) inTransaction(connection string) bool {
	s := x.conns.existing(connection)
	return s != nil && s.InTransaction()
}

// anyTransaction says whether a connection of the run has a transaction open.
func (x *executor) anyTransaction() bool {
	return slices.ContainsFunc(x.conns.names(), x.inTransaction)
}

// rollback ends an open transaction on a connection, even when ctx is over.
func (x *executor) rollback(ctx context.Context, connection string) error {
	s := x.conns.existing(connection)
	if s == nil || !s.InTransaction() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := s.Rollback(ctx); err != nil {
		return errors.Join(fmt.Errorf("roll back on connection %s: %w", connection, err), s.Close(ctx))
	}
	return nil
}
