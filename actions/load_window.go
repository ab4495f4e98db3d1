package actions

// windowMeter finds out which executions overlapped a window of a probe. What is
// in flight when a window closes is what it held up, so an execution is counted
// when it ends, also in windows that have closed by then.
//
// How far a window reaches is known only afterwards: a sample takes a while, what
// it sees has begun before, and the next one may be a sighting too. So those that
// ended lately are looked at again at each sighting.
type windowMeter struct {
	open   map[string]*lived   // by probe
	closed map[string][]*lived // those that the probe keeps, in their order
	late   []*lived            // of these, those with executions that have not ended

	all     figures // of what overlapped a window of any probe
	until   moment  // the last moment that is known to be in a window
	covered moment  // up to here the time of windows is in all

	recent []execution // a ring
	next   int
}

// maxRecent is how many executions are looked at again. Where more end from one
// sample to the next, the first of them are not counted in the window, save those
// that were due before it.
const maxRecent = 4096

// lived is a window as the load lived through it.
type lived struct {
	from, to moment
	wells    int // executions that ended well in it
	load     LoadWindow
}

func newWindowMeter() windowMeter {
	return windowMeter{open: map[string]*lived{}, closed: map[string][]*lived{}, until: -1}
}

// ended tells of an execution; waits is when the oldest that has not ended was
// due.
func (w *windowMeter) ended(e execution, waits moment) {
	if e.due <= w.until {
		w.addToAll(&e)
	}
	if e.ok() && e.still <= w.until {
		w.all.stood(e.still, e.end)
	}
	for _, l := range w.open {
		if e.due <= l.to {
			l.add(&e)
		}
	}
	still := w.late[:0]
	for _, l := range w.late {
		if e.due <= l.to {
			l.add(&e)
		}
		if waits <= l.to {
			still = append(still, l)
		}
	}
	clear(w.late[len(still):])
	w.late = still
	w.remember(e)
}

func (w *windowMeter) remember(e execution) {
	if len(w.recent) < maxRecent {
		w.recent = append(w.recent, e)
		return
	}
	w.recent[w.next] = e
	w.next = (w.next + 1) % maxRecent
}

// sighting tells how far the probe's open window reaches now; it opens one where
// none is.
func (w *windowMeter) sighting(probe string, from, to moment) {
	l := w.open[probe]
	counted := moment(-1) // what was due by then has been counted when it ended
	first := from
	if l == nil {
		l = &lived{from: from}
		w.open[probe] = l
	} else {
		counted, from, first = l.to, l.to, l.to+1
	}
	l.to = max(l.to, to)
	for e := range w.endedFrom(first) {
		w.join(l, e, counted)
		if e.ok() && e.end <= l.to {
			l.wells++
			if e.end > w.covered {
				w.all.wells++
			}
		}
	}
	if added := l.to - max(from, w.covered); added > 0 {
		w.all.lasted += added
		w.covered = l.to
	}
	w.until = max(w.until, l.to)
}

// join counts an execution in a window that reaches up to its time now, if it
// did not when it reached up to last.
func (w *windowMeter) join(l *lived, e *execution, last moment) {
	if e.due > last && e.due <= l.to {
		l.add(e)
		w.addToAll(e)
	}
	if e.ok() && e.still <= l.to {
		w.all.stood(e.still, e.end)
	}
}

// endedFrom are the recent executions that ended at that moment or later, the
// latest first.
func (w *windowMeter) endedFrom(from moment) func(yield func(*execution) bool) {
	return func(yield func(*execution) bool) {
		n := len(w.recent)
		for i := range n {
			e := &w.recent[(w.next-1-i+2*n)%n]
			if e.end < from || !yield(e) {
				return
			}
		}
	}
}

// close ends the probe's window, and says how the load fared in it so far.
func (w *windowMeter) close(probe string, waits moment) LoadWindow {
	l := w.open[probe]
	if l == nil {
		return LoadWindow{}
	}
	delete(w.open, probe)
	if len(w.closed[probe]) < maxWindows {
		w.closed[probe] = append(w.closed[probe], l)
		if waits <= l.to {
			w.late = append(w.late, l)
		}
	}
	return l.read()
}

func (w *windowMeter) addToAll(e *execution) {
	if !e.inWindow {
		e.inWindow = true
		w.all.add(e)
	}
}

func (l *lived) add(e *execution) {
	if e.ok() {
		l.load.Executions++
	} else {
		l.load.Errors++
	}
	l.load.Longest = max(l.load.Longest, e.end-e.due)
}

func (l *lived) read() LoadWindow {
	out := l.load
	if lasted := l.to - l.from; lasted > 0 {
		out.TPS = float64(l.wells) / lasted.Seconds()
	}
	return out
}
