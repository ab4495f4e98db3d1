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
	defer p.aloud(r)()
	if len(e.Conflicts) == 0 {
		if r.seen(e.Probe).pass(p.now) {
			r.shows(e.Probe, "")
			p.beneath(e.Step, "seen", caution, text(e.Probe+": "+squeeze(e.Text)+r.seen(e.Probe).more()))
		}
		return
	}
	for _, c := range e.Conflicts {
		if t := r.seen(kindOf(c)); t.pass(p.now) {
			r.shows(e.Probe, fmt.Sprintf("  pid %d no longer waits for pid %d", c.BlockedPID, c.BlockingPID))
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
	if c.Node != "" {
		what = append(what, "on worker "+c.Node)
	}
	if len(what) > 0 {
		p.under(depth+1, styled(faint, "for").pad(8).add(plain, strings.Join(what, ", ")))
	}
	p.party(depth+1, "waits", c.BlockedApp, "", c.BlockedQuery)
	p.party(depth+1, "blocks", c.BlockingApp, c.BlockingState, c.BlockingQuery)
	if held := holds(c); held != "" {
		p.under(depth+1, styled(faint, "by").pad(8).add(plain, held))
	}
}

// holds is by what the blocking session blocks, and for how long it has been
// in its transaction.
func holds(c event.Conflict) string {
	var parts []string
	switch {
	case c.BlockingMode == "":
	case c.Queued:
		parts = append(parts, "waiting for "+c.BlockingMode+" itself, ahead in the queue")
	default:
		parts = append(parts, c.BlockingMode)
	}
	if age := duration(c.BlockingAge); age > 0 {
		parts = append(parts, "in a transaction of "+human(age))
	}
	return strings.Join(parts, ", ")
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
		longest := ""
		if r.hidden > 0 {
			longest = ", the longest window " + human(r.hidden)
		}
		p.row("lock", caution, r.depth+p.setup+1, styled(faint, count(hidden, "more sighting")+" like these"+longest))
	}
}

// windowClosed tells how long a window lasted whose beginning was shown; of the
// others only those who asked for everything read.
func (p *Plain) windowClosed(e event.WindowClosed) {
	r := p.steps.find(e.Step)
	if r == nil {
		return
	}
	what, shown := r.shownWindow(e.Probe)
	if !shown && !p.opts.Verbose {
		r.hid(duration(e.Duration))
		return
	}
	defer p.aloud(r)()
	if e.Open {
		p.beneath(e.Step, "seen", faint, text(e.Probe+": still there after "+human(duration(e.Duration))))
		return
	}
	p.beneath(e.Step, "gone", faint, text(e.Probe+": after "+lasted(e)).add(faint, what))
}

// lasted is how long a window was, and how long it may have been where that says
// something else.
func lasted(e event.WindowClosed) string {
	most := "at most " + human(duration(e.Duration+e.Margin))
	switch {
	case e.Duration == 0:
		return most
	case e.Margin*10 < e.Duration || e.Margin == 0:
		return human(duration(e.Duration))
	default:
		return human(duration(e.Duration)) + ", " + most
	}
}

// aloud shows what a probe saw although lines of the steps inside are kept back,
// which may be dropped. What it returns keeps them back again.
func (p *Plain) aloud(r *running) (again func()) {
	h := p.hold
	if h == nil || !r.opened {
		return func() {}
	}
	p.hold = nil
	return func() { p.hold = h }
}

// shownWindow says what was shown of the probe's open window, and forgets it.
func (r *running) shownWindow(probe string) (what string, shown bool) {
	what, shown = r.windows[probe]
	delete(r.windows, probe)
	return what, shown
}

// shows remembers that the probe's open window was shown.
func (r *running) shows(probe, what string) {
	if r.windows == nil {
		r.windows = map[string]string{}
	}
	if _, known := r.windows[probe]; !known {
		r.windows[probe] = what
	}
}

// hid counts a window that was not shown.
func (r *running) hid(d time.Duration) { r.hidden = max(r.hidden, d) }

// guardHeld tells what a condition about watched steps does. It must be seen,
// whatever is kept back.
func (p *Plain) guardHeld(e event.GuardHeld) {
	p.release()
	word, does := "stop", "cancelling the steps"
	switch {
	case e.Guard == "pause_if" && e.Undecided == "":
		word, does = "pause", "no further step begins"
	case e.Early:
		does = "the steps do not begin"
	}
	holds := " holds: " + squeeze(e.Condition)
	if e.Undecided != "" {
		holds = " cannot be decided: " + squeeze(e.Undecided)
	}
	p.beneath(e.Step, word, caution, text(e.Guard+holds+", "+does))
	for _, o := range e.Operands {
		p.under(p.open(e.Step)+2, text(o.Text+" is "+o.Value))
	}
}

func (p *Plain) guardEnded(e event.GuardEnded) {
	p.release()
	if e.Guard == "pause_if" {
		p.beneath(e.Step, "pause", good, text("over after "+human(duration(e.Duration))))
		return
	}
	p.beneath(e.Step, "stop", faint, text("cancelled "+human(duration(e.Duration))+" after the condition was seen"))
}
