package report

import (
	"fmt"
	"strings"
	"time"

	"runbook/engine/event"
)

// sighting shows what a probe saw. Who waits for whom is shown in full the first
// time, and again only when it is somebody else's turn or much later.
func (p *Plain) sighting(e event.Sighting) {
	r := p.steps.find(e.Step)
	if r == nil {
		r = &running{}
	}
	if len(e.Conflicts) == 0 {
		if r.seen(e.Probe).pass(p.now) {
			p.beneath(e.Step, "seen", caution, text(e.Probe+": "+squeeze(e.Text)+r.seen(e.Probe).more()))
		}
		return
	}
	for _, c := range e.Conflicts {
		if t := r.seen(kindOf(c)); t.pass(p.now) {
			p.conflict(e.Step, c, t.more())
		}
	}
}

// seen is the throttle of one kind of sighting.
func (r *running) seen(kind string) *throttle {
	if r.sightings == nil {
		r.sightings = map[string]*throttle{}
	}
	if r.sightings[kind] == nil {
		r.sightings[kind] = &throttle{}
	}
	return r.sightings[kind]
}

// more says how many sightings of the kind were not shown since the last one.
func (t *throttle) more() string {
	if n := t.taken(); n > 0 {
		return fmt.Sprintf("  (%d more like it before)", n)
	}
	return ""
}

// kindOf is the same for conflicts that an operator would call the same: other
// sessions of the same applications, running the same statements.
func kindOf(c event.Conflict) string {
	return strings.Join([]string{
		c.BlockedApp, squeeze(c.BlockedQuery), c.BlockingApp, squeeze(c.BlockingQuery), c.Relation, c.Mode,
	}, "\x00")
}

func (p *Plain) conflict(step event.Step, c event.Conflict, more string) {
	depth := p.open(step) + 1
	waiting := duration(c.Waiting)
	waits := fmt.Sprintf("pid %d waits for pid %d since %s, %s", c.BlockedPID, c.BlockingPID,
		p.now.Add(-waiting).Format(time.TimeOnly), human(waiting))
	p.row("lock", caution, depth, text(waits).add(faint, more))
	var what []string
	for _, s := range []string{c.Relation, c.Mode, c.WaitEvent} {
		if s != "" {
			what = append(what, s)
		}
	}
	if len(what) > 0 {
		p.under(depth+1, styled(faint, "for").pad(8).add(plain, strings.Join(what, ", ")))
	}
	p.party(depth+1, "waits", c.BlockedApp, "", c.BlockedQuery)
	p.party(depth+1, "blocks", c.BlockingApp, c.BlockingState, c.BlockingQuery)
}

// party is one side of a conflict: its application, the state of its session
// where that is not simply active, and its statement.
func (p *Plain) party(depth int, role, app, state, query string) {
	who := styled(faint, role).pad(8)
	if app != "" {
		who = who.add(plain, app+"  ")
	}
	if state != "" && state != "active" {
		who = who.add(caution, state+"  ")
	}
	p.under(depth, who.add(plain, cut(squeeze(query), max(p.room(depth)-who.width(), 20))))
}

// countHidden tells at the end of a step what was seen and not shown.
func (p *Plain) countHidden(r *running) {
	hidden := 0
	for _, t := range r.sightings {
		hidden += t.taken()
	}
	if hidden > 0 {
		p.row("lock", caution, r.depth+p.setup+1, styled(faint, count(hidden, "more sighting")+" like these"))
	}
}

func (p *Plain) windowClosed(e event.WindowClosed) {
	if p.opts.Verbose {
		p.beneath(e.Step, "seen", faint, text(e.Probe+": gone after "+human(duration(e.Duration))+", "+count(e.Samples, "sample")))
	}
}
