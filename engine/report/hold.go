package report

import "time"

// hold keeps lines back until it is known whether they matter. When a step
// fails inside another one, that one may be tried again, and the failure is
// then one line about the attempt; a turn of a loop is the same. Lines are kept
// for 5 s at most.
type hold struct {
	owner  *running // decides: tried again, the lines are dropped
	since  time.Time
	failed bool // something failed: the next step to start is a rescue
	lines  []line
}

// holdFor keeps back what follows until owner decides.
func (p *Plain) holdFor(owner *running, since time.Time) {
	p.hold = &hold{owner: owner, since: since}
}

// holdFailure keeps back a failure at that depth, if there is a step around it
// that may try again.
func (p *Plain) holdFailure(depth int) {
	owner := p.steps.parent(depth)
	if owner == nil {
		return
	}
	if p.hold == nil {
		p.holdFor(owner, p.now)
	} else if p.hold.owner.depth >= depth {
		p.hold.owner = owner
	}
	p.hold.failed = true
}

// release shows what was kept back.
func (p *Plain) release() {
	if h := p.hold; h != nil {
		p.hold = nil
		p.lines = append(p.lines, h.lines...)
	}
}

// releaseOld shows what was kept back for too long, or for a step that ended.
func (p *Plain) releaseOld() {
	if h := p.hold; h != nil && (p.now.Sub(h.since) > calm || p.steps.find(h.owner.path) != h.owner) {
		p.release()
	}
}

// drop forgets what was kept back.
func (p *Plain) drop() {
	p.hold = nil
}
