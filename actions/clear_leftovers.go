package actions

import (
	"context"
	"fmt"
	"strings"
	"time"

	"runbook/engine"
)

// clearLeftovers clears what failed calls have left, in the safe order: the
// replication first, then the rest by Citus's own clean-up. It returns what could
// not be cleared, such as shards on a node that does not answer.
//
// It does nothing about a call that runs.
func clearLeftovers(ctx context.Context, db catalog, failed []failedCall) ([]failedCall, error) {
	const limit, pause = 10 * time.Second, 500 * time.Millisecond
	var numbers []string
	for _, c := range failed {
		numbers = append(numbers, fmt.Sprint(c.Operation))
	}
	for began := time.Now(); ; {
		var r replication
		for _, c := range failed {
			r.subscriptions, r.slots = append(r.subscriptions, c.Subscriptions...), append(r.slots, c.Slots...)
		}
		if err := r.end(ctx, db); err != nil {
			return failed, err
		}
		if _, err := db.Rows(ctx, "CALL citus_cleanup_orphaned_resources()"); err != nil {
			return failed, engine.Explain("clear what the failed call has left", err)
		}
		// Citus's own clean-up may be at it; then CALL passes over what that has taken.
		left, err := failedCalls(ctx, db, "c.operation_id IN ("+strings.Join(numbers, ", ")+")")
		if err != nil || len(left) == 0 || time.Since(began) > limit {
			return left, err
		}
		failed = left
		select {
		case <-ctx.Done():
			return failed, context.Cause(ctx)
		case <-time.After(pause): // somebody holds a lock on a shard
		}
	}
}

// clearNote clears what failed calls have left and says in words what there was
// and what became of it; "" when there was nothing.
func clearNote(ctx context.Context, db catalog, failed []failedCall) string {
	if len(failed) == 0 {
		return ""
	}
	was := list(failed)
	left, err := clearLeftovers(ctx, db, failed)
	switch {
	case err != nil:
		return fmt.Sprintf("still there: %s (%s); %s", was, err, byHand)
	case len(left) > 0:
		return fmt.Sprintf("still there: %s; Citus tries again every 15 s, and the next distribute step does too", list(left))
	}
	return "cleared: " + was
}

// byHand is what a person does where the step may not. Pausing the writers is
// what makes Citus's own clean-up harmless.
const byHand = "Citus clears it within 15 s, which can crash the coordinator when the table is written to meanwhile: pause its writers until pg_dist_cleanup is empty, or have a superuser run this step again"

func list(failed []failedCall) string {
	text := ""
	for i, c := range failed {
		if i > 0 {
			text += "; "
		}
		text += c.String()
	}
	return text
}
