package actions

import (
	"math"
	"slices"
	"time"
)

// moment is a time since the load began; never is one that has not come.
type moment = time.Duration

const never moment = math.MaxInt64

// phase is a part of a watch.
type phase int

const (
	before phase = iota
	during
	after
)

func (p phase) String() string { return [...]string{"before", "during", "after"}[p] }

// meter adds up what a load lives through. It is told when executions begin and
// end, when the steps do, and what the probes see; it has no clock and no lock.
//
// What overlaps the steps is theirs: an execution that was due before they began
// and ended while they ran is counted during. So is a standstill.
type meter struct {
	start    time.Time
	schedule *schedule // nil without a rate
	flying   []moment  // when the executions under way were due, by connection

	phase   phase
	entered moment
	began   moment // the steps
	ended   moment
	halted  moment // nothing falls due any more
	figures [after + 1]figures

	// Since when nothing has ended well although something was to be done; never
	// when nothing is.
	still moment

	windows windowMeter
}

// execution is one that has ended.
type execution struct {
	due, end moment
	still    moment // since when the load had stood still when it ended
	state    string // the SQLSTATE of its failure, "" when it ended well

	inWindow bool // it is among those of all windows
}

func (e *execution) ok() bool { return e.state == "" }

// figures add up to LoadFigures.
type figures struct {
	took     latencies // of those that ended well
	wells    int       // that ended well in this time, whenever they were due
	lasted   time.Duration
	failed   int
	failures map[string]int // by SQLSTATE
	stall    time.Duration
	stalled  moment // when the longest standstill began
}

func newMeter(start time.Time, connections int, s *schedule) *meter {
	return &meter{
		start: start, schedule: s, flying: slices.Repeat([]moment{never}, connections),
		began: never, ended: never, halted: never, still: never,
		windows: newWindowMeter(),
	}
}

// begin says that a connection sends an execution that was due at that moment.
func (m *meter) begin(connection int, due moment) {
	m.flying[connection] = due
	if m.schedule != nil {
		m.schedule.sent++
	}
	if m.still == never {
		m.still = due
	}
}

// end says that the connection's execution is over; state is "" when it ended
// well. It returns where the execution belongs.
func (m *meter) end(connection int, now moment, state string) phase {
	e := execution{due: m.flying[connection], end: now, still: m.still, state: state}
	m.flying[connection] = never
	belongs := m.phaseOf(e.due, now)
	m.figures[belongs].add(&e)
	waits := m.oldest(now)
	if e.ok() {
		if now < m.halted {
			m.figures[m.phase].wells++
		}
		m.figures[m.phaseOf(e.still, now)].stood(e.still, now)
		// After a failure it goes on standing still: what was to be done is not.
		m.still = never
		if waits <= now {
			m.still = now
		}
	}
	m.windows.ended(e, waits)
	return belongs
}

// oldest is when the execution that has waited longest was due, of those under
// way or due by now; never when there is none.
func (m *meter) oldest(now moment) moment {
	first := slices.Min(m.flying)
	if m.schedule == nil {
		return first
	}
	if next := m.schedule.next(); next <= min(now, m.halted) {
		return min(first, next)
	}
	return first
}

// phaseOf is where a stretch of time belongs.
func (m *meter) phaseOf(from, to moment) phase {
	switch {
	case to < m.began:
		return before
	case from > m.ended:
		return after
	default:
		return during
	}
}

// enter begins the next phase.
func (m *meter) enter(p phase, now moment) {
	m.figures[m.phase].lasted = now - m.entered
	m.phase, m.entered = p, now
	switch p {
	case during:
		m.began = now
	case after:
		m.ended = now
	}
}

// halt says that nothing falls due any more. The last phase ends with it.
func (m *meter) halt(now moment) {
	m.figures[m.phase].lasted = now - m.entered
	m.halted = now
}

// standsSince is how long the load has stood still now.
func (m *meter) standsSince(now moment) time.Duration {
	if m.still == never {
		return 0
	}
	return max(now-m.still, 0)
}

// unsent is how many executions are due and not sent.
func (m *meter) unsent(now moment) int64 {
	if m.schedule == nil {
		return 0
	}
	return m.schedule.unsent(min(now, m.halted))
}

// read is the figures of a phase so far.
func (m *meter) read(p phase, now moment) LoadFigures {
	f := &m.figures[p]
	lasted := f.lasted
	if p == m.phase && m.halted == never {
		lasted = now - m.entered
	}
	return m.figuresOf(f, now, lasted, m.phaseOf(m.still, now) == p)
}

// readWindows is the same for the time of all windows.
func (m *meter) readWindows(now moment) LoadFigures {
	all := &m.windows.all
	return m.figuresOf(all, now, all.lasted, m.still <= m.windows.until)
}

// figuresOf reads f; here says whether the standstill that goes on belongs to it.
func (m *meter) figuresOf(f *figures, now moment, lasted time.Duration, here bool) LoadFigures {
	q := f.took.quantiles()
	out := LoadFigures{
		N: f.took.n, P50: q.p50, P95: q.p95, P99: q.p99, Max: f.took.max,
		Errors: f.failed, ErrorsByState: cloned(f.failures), LongestStall: f.stall,
	}
	if lasted > 0 {
		out.TPS = float64(f.wells) / lasted.Seconds()
	}
	since := f.stalled
	if stands := m.standsSince(now); here && stands > f.stall {
		out.LongestStall, since = stands, m.still
	}
	if out.LongestStall > 0 {
		out.StalledAt = m.start.Add(since)
	}
	return out
}

func (f *figures) add(e *execution) {
	if e.ok() {
		f.took.add(e.end - e.due)
		return
	}
	if f.failures == nil {
		f.failures = map[string]int{}
	}
	f.failed++
	f.failures[e.state]++
}

// stood says that the load had stood still, from a moment to another.
func (f *figures) stood(from, to moment) {
	if to-from > f.stall {
		f.stall, f.stalled = to-from, from
	}
}
