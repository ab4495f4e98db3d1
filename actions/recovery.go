package actions

import (
	"context"
	"fmt"
	"strings"
	"time"

	"runbook/engine"
)

// left says in which state a failed call has left the table, and brings back
// the foreign keys if it is the one from before.
func (x *distribution) left(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if rollbackErr := x.env.Rollback(ctx); rollbackErr != nil {
		return err
	}
	now, readErr := readTable(ctx, x.env, x.Table)
	if readErr != nil {
		return &engine.Failed{Message: "distribute " + x.table.Name, Err: err, Notes: []string{"its state now could not be read: " + readErr.Error()}}
	}
	x.result.After = now.Kind
	notes := []string{fmt.Sprintf("state now: %s is %s (it was %s)", now.Name, now.describe(), x.table.describe())}
	switch now.Kind {
	case citusLocal:
		notes = append(notes, "reads and writes go on as before; Citus clears the rest of the failed call within 15 s, then the step can be run again")
	case local:
		notes = append(notes, "nothing has changed; the step can be run again")
	}
	if restored, restoreErr := restoreKeys(ctx, x.env, x.attempts); restoreErr != nil {
		notes = append(notes, "foreign keys not brought back: "+restoreErr.Error())
	} else if len(restored) > 0 {
		x.result.Restored = restored
		notes = append(notes, "brought back: "+strings.Join(restored, ", "))
	}
	return &engine.Failed{Message: "distribute " + x.table.Name, Err: err, Notes: notes}
}
