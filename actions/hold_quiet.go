package actions

import (
	"context"
	"fmt"
	"strings"
	"time"

	"runbook/engine/event"
)

const (
	// freshFor is for how long the end of a long transaction is waited for where
	// some are known and none is there: the next may be about to begin.
	freshFor = 10 * time.Second
	// emptyFor is for how long a moment without any writer is waited for when there
	// is no long one. One that has just begun may be the next long one; where many
	// write all the time there is no such moment.
	emptyFor = 2 * time.Second
)

// quiet waits until no long transaction writes to the table and the workers have
// replayed what the last one wrote, which are sent its changes when it commits. It
// does so for as long as the switch-over may be held back, and no longer insists on
// the second when the next long transaction has come before a few times. The best
// time is when one has just ended.
func (h *switchHold) quiet(ctx context.Context) error {
	began := time.Now()
	fresh, chances := !h.long.expected(), 3
	var now *calm
	for {
		w, err := h.writers(ctx, h.watch.here, h.watch.workers)
		switch {
		case passing(err): // nothing is known
		case err != nil:
			return err
		case len(w.long) > 0:
			if now != nil {
				now, chances = nil, chances-1
			}
			fresh = true
			h.x.progress.hold(began, w.long)
		case fresh || time.Since(began) > freshFor:
			if now == nil {
				if now, err = h.becalmed(ctx); err != nil {
					return err
				}
			}
			over, err := h.over(ctx, now, chances == 0)
			if over || err != nil && !passing(err) {
				return err
			}
		default:
			h.x.progress.hold(began, nil)
		}
		if time.Since(began) > h.x.HoldSwitchOver {
			return h.tired(w.long)
		}
		if err := h.rest(ctx, holdTick); err != nil {
			return err
		}
	}
}

// calm is a time in which no long transaction writes to the table.
type calm struct {
	since    time.Time
	position string // where the coordinator's WAL ended then
}

func (h *switchHold) becalmed(ctx context.Context) (*calm, error) {
	position, err := h.position(ctx)
	return &calm{time.Now(), position}, err
}

// over says whether the call may switch over now: the workers are where the
// coordinator was when it became calm, unless that is not insisted on, and nobody
// writes. The last look is the quick one, on the coordinator.
func (h *switchHold) over(ctx context.Context, c *calm, behind bool) (bool, error) {
	if !behind {
		if is, err := h.behind(ctx, c.position); err != nil || is {
			return false, err
		}
	}
	w, err := h.writers(ctx, h.watch.here)
	if err != nil {
		return false, err
	}
	return len(w.long) == 0 && (w.all == 0 || time.Since(c.since) > emptyFor), nil
}

// tired says for whom the switch-over is not held back any longer.
func (h *switchHold) tired(long []event.Holder) error {
	if len(long) == 0 {
		return nil
	}
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
