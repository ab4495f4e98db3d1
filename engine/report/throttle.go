package report

import "time"

// The least time between two lines of one kind in one step.
const (
	calm    = 5 * time.Second
	calmest = time.Minute
)

// throttle lets a line through at once, then at most one in 5 s, and ever fewer
// as time goes by, down to one a minute after four: a step that has run for an
// hour is not watched line by line. The zero throttle is ready.
type throttle struct {
	first, last time.Time
	held        int // lines not let through since the last one
}

// pass reports whether a line may be shown now.
func (t *throttle) pass(now time.Time) bool {
	if t.first.IsZero() {
		t.first, t.last = now, now
		return true
	}
	pause := min(max(calm, now.Sub(t.first)/4), calmest)
	if now.Sub(t.last) < pause {
		t.held++
		return false
	}
	t.last = now
	return true
}

// interrupt lets a line through that cannot wait, but none in the first 5 s, nor
// two in one second.
func (t *throttle) interrupt(now time.Time) bool {
	if t.first.IsZero() || now.Sub(t.first) < calm || now.Sub(t.last) < time.Second {
		return false
	}
	t.last = now
	return true
}

// taken is how many lines were held since the last one that passed; it starts
// counting anew.
func (t *throttle) taken() int {
	n := t.held
	t.held = 0
	return n
}

// quiet makes the throttle pass nothing before now+5 s.
func (t *throttle) quiet(now time.Time) { t.first, t.last = now, now }
