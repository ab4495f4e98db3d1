package journal

import (
	"os"
	"runtime"

	"runbook/engine/event"
)

// changing are the steps that have started, not finished, and can change
// something.
type changing map[event.Step]bool

// durable reports whether e must be on disk before the run goes on. Those are
// the records that announce a change, so that a change can't be there without
// its announcement, and the ones that say how it ended, so that it is not
// asked for again. A lost record of anything else costs nothing but itself.
func (c changing) durable(e event.Event) bool {
	switch e := e.(type) {
	case event.RunStarted, event.RunFinished,
		event.StatementStarted, // emitted for changing statements only
		event.Committing,
		event.ObligationOpened, event.ObligationClosed:
		return true
	case event.StepStarted:
		if e.Changes {
			c[e.Step] = true
		}
		return e.Changes
	case event.StepFinished:
		was := c[e.Step]
		delete(c, e.Step)
		return was
	default:
		return false
	}
}

// syncDir puts the entries of a directory on disk.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced there, and need not be
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
