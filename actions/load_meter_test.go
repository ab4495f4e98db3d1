package actions

import (
	"slices"
	"testing"
	"time"
)

const ms = time.Millisecond

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestSchedule(t *testing.T) {
	for _, c := range []struct {
		rate  float64
		after time.Duration
		due   int64
	}{
		{50, 0, 1},
		{50, 19 * ms, 1},
		{50, 20 * ms, 2},
		{50, time.Second, 51},
		{0.5, 1999 * ms, 1},
		{0.5, 2 * time.Second, 2},
		{3, time.Second, 4}, // a third of a second is no whole number of nanoseconds
		{7, time.Hour, 7*3600 + 1},
		{100_000, 24 * time.Hour, 100_000*24*3600 + 1},
		{50, -ms, 0},
	} {
		s := schedule{rate: c.rate}
		if got := s.by(c.after); got != c.due {
			t.Errorf("%v a second: %d due after %s, want %d", c.rate, got, c.after, c.due)
		}
		if c.due > 0 && (s.due(c.due-1) > c.after || s.due(c.due) <= c.after) {
			t.Errorf("%v a second: by(%s) is %d, but due at %s and %s", c.rate, c.after, c.due, s.due(c.due-1), s.due(c.due))
		}
	}
}

// played is a load on so many connections: each sends what is due as soon as it
// is free, and every execution ends after took, or when the stall does in which it
// was sent.
func played(rate float64, connections int, took time.Duration, stall [2]moment, until moment) *meter {
	m := newMeter(noon, connections, &schedule{rate: rate})
	ends := slices.Repeat([]moment{never}, connections)
	for now := moment(0); now <= until || slices.Min(ends) != never; now += ms {
		if now == until+ms {
			m.halt(until)
		}
		for i := range connections {
			if ends[i] <= now {
				m.end(i, ends[i], "")
				ends[i] = never
			}
			if ends[i] == never && m.schedule.next() <= min(now, m.halted) {
				m.begin(i, m.schedule.take())
				ends[i] = now + took
				if now >= stall[0] && now < stall[1] {
					ends[i] = stall[1] + took
				}
			}
		}
	}
	return m
}

// A stall of a second is fifty slow executions at fifty a second, not one for
// each connection.
func TestAStallIsNotOmitted(t *testing.T) {
	m := played(50, 2, 2*ms, [2]moment{time.Second, 2 * time.Second}, 4*time.Second)
	r := m.read(before, 4*time.Second)
	if r.N != 201 || m.unsent(4*time.Second) != 0 {
		t.Errorf("%d executions, %d unsent; want 201 and 0", r.N, m.unsent(4*time.Second))
	}
	// Of 201, those due in the stall waited from 0 to 1 s: one in twenty 0.8 s.
	if r.P50 > 10*ms || r.P95 < 700*ms || r.P95 > 900*ms || r.P99 < 950*ms || r.Max < time.Second || r.Max > 1010*ms {
		t.Errorf("p50 %s, p95 %s, p99 %s, max %s", r.P50, r.P95, r.P99, r.Max)
	}
	if r.LongestStall < time.Second || r.LongestStall > 1010*ms || r.StalledAt != noon.Add(time.Second) {
		t.Errorf("stood still %s from %s", r.LongestStall, r.StalledAt)
	}
}

// A load that is due faster than it can be sent is late, and does not stand still.
func TestOverloadIsNoStandstill(t *testing.T) {
	m := played(1000, 2, 10*ms, [2]moment{}, time.Second)
	r := m.read(before, 6*time.Second)
	if r.N != 1001 || r.Max < 4*time.Second || r.LongestStall > 11*ms {
		t.Errorf("%d executions, max %s, stood still %s; want 1001, over 4s, 10ms", r.N, r.Max, r.LongestStall)
	}
}

func TestUnsentIsCounted(t *testing.T) {
	m := newMeter(noon, 1, &schedule{rate: 10})
	m.begin(0, m.schedule.take())
	if got := m.unsent(time.Second); got != 10 {
		t.Errorf("%d wait after 1 s, want 10", got)
	}
	m.halt(2 * time.Second)
	m.end(0, 3*time.Second, "")
	if got := m.unsent(3 * time.Second); got != 20 {
		t.Errorf("%d never sent, want 20", got)
	}
	if got := m.standsSince(3 * time.Second); got != 0 {
		t.Errorf("stands still %s, want 0", got)
	}
	if got := m.standsSince(4 * time.Second); got != time.Second {
		t.Errorf("stands still %s with executions waiting, want 1s", got)
	}
}

// run is one execution, on a connection of its own.
type run struct {
	due, end moment
	state    string
}

// metered plays executions, the steps and what a probe saw in the order of
// their times.
func metered(runs []run, began, ended, halted moment, sightings []moment, gone ...moment) *meter {
	m := newMeter(noon, len(runs), nil)
	type happening struct {
		at moment
		do func()
	}
	var all []happening
	for i, r := range runs {
		all = append(all, happening{r.due, func() { m.begin(i, r.due) }}, happening{r.end, func() { m.end(i, r.end, r.state) }})
	}
	all = append(all, happening{began, func() { m.enter(during, began) }}, happening{ended, func() { m.enter(after, ended) }}, happening{halted, func() { m.halt(halted) }})
	// A sample is known 5 ms after the time that it counts from.
	for _, at := range sightings {
		all = append(all, happening{at + 5*ms, func() { m.windows.sighting("p", at, at) }})
	}
	for _, at := range gone {
		all = append(all, happening{at + 5*ms, func() { m.windows.close("p", m.oldest(at+5*ms)) }})
	}
	slices.SortStableFunc(all, func(a, b happening) int { return int(a.at - b.at) })
	for _, h := range all {
		h.do()
	}
	return m
}

func TestPhases(t *testing.T) {
	m := metered([]run{
		{10 * ms, 20 * ms, ""},         // before
		{30 * ms, 40 * ms, "40P01"},    //
		{90 * ms, 150 * ms, ""},        // begun before, held up by the steps
		{110 * ms, 120 * ms, "40P01"},  //
		{130 * ms, 140 * ms, "55P03"},  //
		{190 * ms, 250 * ms, ""},       // ends after them
		{210 * ms, 220 * ms, ""},       // after
		{230 * ms, 240 * ms, "08006"},  //
		{250 * ms, 2300 * ms, "40001"}, // ends after everything
	}, 100*ms, 200*ms, 300*ms, nil)
	for p, want := range map[phase]struct {
		n, errors, deadlocks int
		tps                  float64
	}{before: {1, 1, 1, 10}, during: {2, 2, 1, 10}, after: {1, 2, 0, 20}} {
		got := m.read(p, 2400*ms)
		if got.N != want.n || got.Errors != want.errors || got.ErrorsByState["40P01"] != want.deadlocks || got.TPS != want.tps {
			t.Errorf("%s: %+v, want %+v", p, got, want)
		}
	}
}

func TestStandstill(t *testing.T) {
	for name, c := range map[string]struct {
		runs       []run
		stall, now time.Duration // the longest while the steps ran, and that at 1 s
		at         moment
	}{
		"one after the other":       {[]run{{110 * ms, 120 * ms, ""}, {120 * ms, 150 * ms, ""}}, 30 * ms, 0, 120 * ms},
		"rest is no stall":          {[]run{{110 * ms, 120 * ms, ""}, {300 * ms, 310 * ms, ""}}, 10 * ms, 0, 110 * ms},
		"others go on":              {[]run{{110 * ms, 200 * ms, ""}, {110 * ms, 140 * ms, ""}, {140 * ms, 170 * ms, ""}}, 30 * ms, 0, 110 * ms},
		"a failure ends none":       {[]run{{110 * ms, 150 * ms, "40P01"}, {160 * ms, 210 * ms, ""}}, 100 * ms, 0, 110 * ms},
		"begun before the steps":    {[]run{{50 * ms, 150 * ms, ""}}, 100 * ms, 0, 50 * ms},
		"ends after them":           {[]run{{480 * ms, 580 * ms, ""}}, 100 * ms, 0, 480 * ms},
		"goes on":                   {[]run{{300 * ms, 2000 * ms, ""}}, 1700 * ms, 0, 300 * ms},
		"nothing ever ends well":    {[]run{{300 * ms, 310 * ms, "42P01"}, {400 * ms, 410 * ms, "42P01"}}, 1700 * ms, 1700 * ms, 300 * ms},
		"over before they began":    {[]run{{10 * ms, 90 * ms, ""}}, 0, 0, 0},
		"nothing is due after them": {[]run{{600 * ms, 700 * ms, ""}}, 0, 0, 0},
	} {
		m := metered(c.runs, 100*ms, 500*ms, 900*ms, nil)
		got := m.read(during, 2*time.Second)
		if got.LongestStall != c.stall || m.standsSince(2*time.Second) != c.now {
			t.Errorf("%s: stood still %s, and %s now; want %s and %s", name, got.LongestStall, m.standsSince(2*time.Second), c.stall, c.now)
		}
		if c.stall > 0 && got.StalledAt != noon.Add(c.at) {
			t.Errorf("%s: from %s, want %s", name, got.StalledAt.Sub(noon), c.at)
		}
	}
}

// While it goes on a standstill is seen too.
func TestStandstillNow(t *testing.T) {
	m := newMeter(noon, 1, nil)
	m.enter(during, 100*ms)
	m.begin(0, 200*ms)
	m.windows.sighting("p", 300*ms, 300*ms)
	if got := m.read(during, 700*ms); got.LongestStall != 500*ms || m.standsSince(700*ms) != 500*ms || m.readWindows(700*ms).LongestStall != 500*ms {
		t.Errorf("stands still %s, want 500ms", got.LongestStall)
	}
	if got := m.read(before, 700*ms); got.LongestStall != 0 {
		t.Errorf("before the steps it stood still %s, want 0s", got.LongestStall)
	}
}

func TestWindows(t *testing.T) {
	for name, c := range map[string]struct {
		runs []run
		want LoadWindow
	}{
		"over before it":                          {[]run{{100 * ms, 299 * ms, ""}}, LoadWindow{}},
		"due after it":                            {[]run{{401 * ms, 500 * ms, ""}}, LoadWindow{}},
		"due before the sample after it":          {[]run{{401 * ms, 440 * ms, ""}}, LoadWindow{}},
		"inside, between two sightings":           {[]run{{310 * ms, 320 * ms, ""}}, LoadWindow{Executions: 1, Longest: 10 * ms, TPS: 10}},
		"ends in it":                              {[]run{{200 * ms, 320 * ms, ""}}, LoadWindow{Executions: 1, Longest: 120 * ms, TPS: 10}},
		"ends before its first sighting is known": {[]run{{250 * ms, 302 * ms, ""}}, LoadWindow{Executions: 1, Longest: 52 * ms, TPS: 10}},
		"held up until it closed":                 {[]run{{310 * ms, 410 * ms, ""}}, LoadWindow{Executions: 1, Longest: 100 * ms}},
		"held up until long after":                {[]run{{310 * ms, 900 * ms, ""}}, LoadWindow{Executions: 1, Longest: 590 * ms}},
		"through all of it":                       {[]run{{200 * ms, 900 * ms, ""}}, LoadWindow{Executions: 1, Longest: 700 * ms}},
		"failed in it":                            {[]run{{310 * ms, 390 * ms, "40P01"}}, LoadWindow{Errors: 1, Longest: 80 * ms}},
		"failed after it":                         {[]run{{310 * ms, 910 * ms, "40P01"}}, LoadWindow{Errors: 1, Longest: 600 * ms}},
		"one of each":                             {[]run{{100 * ms, 200 * ms, ""}, {290 * ms, 390 * ms, ""}, {320 * ms, 420 * ms, ""}, {430 * ms, 480 * ms, ""}}, LoadWindow{Executions: 2, Longest: 100 * ms, TPS: 10}},
	} {
		m := metered(c.runs, 0, 2*time.Second, 3*time.Second, []moment{300 * ms, 350 * ms, 400 * ms}, 450*ms)
		if got := m.windows.closed["p"][0].read(); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		all := m.readWindows(3 * time.Second)
		if all.N != c.want.Executions || all.Errors != c.want.Errors || all.TPS != c.want.TPS {
			t.Errorf("%s: all windows %+v, want %+v", name, all, c.want)
		}
		if len(m.windows.late) > 0 {
			t.Errorf("%s: the window still waits for executions", name)
		}
	}
}

// What a sample sees may have begun before it: the window too.
func TestWindowBeganBeforeItsSighting(t *testing.T) {
	m := newMeter(noon, 1, nil)
	for i := range 10 { // each takes 10 ms, one after the other
		m.begin(0, time.Duration(i)*10*ms)
		m.end(0, time.Duration(i+1)*10*ms, "")
	}
	m.windows.sighting("p", 35*ms, 95*ms)
	want := LoadWindow{Executions: 7, Longest: 10 * ms, TPS: 100}
	if got := m.windows.close("p", never); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if all := m.readWindows(time.Second); all.N != 7 || all.TPS != 100 {
		t.Errorf("all windows: %+v", all)
	}
}

// What overlaps two windows is in each of them, and once in all.
func TestTwoWindows(t *testing.T) {
	m := metered([]run{{310 * ms, 900 * ms, ""}, {650 * ms, 660 * ms, "40P01"}}, 0, 2*time.Second, 3*time.Second,
		[]moment{300 * ms, 400 * ms, 600 * ms, 700 * ms}, 450*ms, 750*ms)
	m.windows.sighting("q", 2*time.Second, 2*time.Second)
	got := []LoadWindow{m.windows.closed["p"][0].read(), m.windows.closed["p"][1].read()}
	want := []LoadWindow{{Executions: 1, Longest: 590 * ms}, {Executions: 1, Errors: 1, Longest: 590 * ms}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if all := m.readWindows(3 * time.Second); all.N != 1 || all.Errors != 1 || all.LongestStall != 590*ms || m.windows.all.lasted != 200*ms {
		t.Errorf("all windows: %+v, lasting %s", all, m.windows.all.lasted)
	}
}

// The time of windows of two probes at once counts once.
func TestTwoProbes(t *testing.T) {
	m := newMeter(noon, 1, nil)
	w := &m.windows
	w.sighting("p", 100*ms, 100*ms)
	w.sighting("q", 150*ms, 150*ms)
	m.begin(0, 160*ms)
	m.end(0, 170*ms, "")
	w.sighting("p", 200*ms, 200*ms)
	w.sighting("q", 250*ms, 250*ms)
	if all := m.readWindows(300 * ms); all.N != 1 || w.all.wells != 1 || w.all.lasted != 150*ms {
		t.Errorf("%d executions, %d ended in %s; want 1, 1 in 150ms", all.N, w.all.wells, w.all.lasted)
	}
	for _, probe := range []string{"p", "q"} {
		if got := w.close(probe, never); got != (LoadWindow{Executions: 1, Longest: 10 * ms, TPS: 10}) {
			t.Errorf("%s: %+v", probe, got)
		}
	}
}

func TestWindowsAreBounded(t *testing.T) {
	m := newMeter(noon, 1, nil)
	m.begin(0, 0)
	for i := range 2 * maxWindows {
		m.windows.sighting("p", time.Duration(i)*ms, time.Duration(i)*ms)
		m.windows.close("p", m.oldest(time.Duration(i)*ms))
	}
	if n := len(m.windows.late); n != maxWindows {
		t.Errorf("%d windows wait, want %d", n, maxWindows)
	}
	for i := range 3 * maxRecent {
		m.end(0, time.Hour+time.Duration(i), "")
		m.begin(0, time.Hour+time.Duration(i))
	}
	if len(m.windows.closed["p"]) != maxWindows || len(m.windows.late) != 0 || len(m.windows.recent) != maxRecent {
		t.Errorf("%d windows, %d wait, %d recent", len(m.windows.closed["p"]), len(m.windows.late), len(m.windows.recent))
	}
	if got := m.windows.closed["p"][maxWindows-1].read(); got.Executions != 1 || got.Longest != time.Hour {
		t.Errorf("the last window: %+v", got)
	}
}

func TestLatencies(t *testing.T) {
	var l latencies
	if q := l.quantiles(); q != (quantiles{}) {
		t.Errorf("of nothing: %+v", q)
	}
	for i := range 1000 {
		l.add(time.Duration(i+1) * ms)
	}
	for _, c := range []struct{ got, want time.Duration }{
		{l.quantiles().p50, 500 * ms}, {l.quantiles().p95, 950 * ms}, {l.quantiles().p99, 990 * ms},
	} {
		if d := (c.got - c.want).Abs(); d > c.want/1000 {
			t.Errorf("%s, want %s to three digits", c.got, c.want)
		}
	}
	// What is out of bounds is counted, at the bound; only the maximum is exact.
	for range 1000 {
		l.add(3 * time.Hour)
	}
	l.add(-ms)
	l.add(0)
	if q := l.quantiles(); l.n != 2002 || l.max != 3*time.Hour || q.p99 < time.Hour || q.p99 > time.Hour+4*time.Second {
		t.Errorf("%d, max %s, %+v", l.n, l.max, q)
	}
	// No quantile is beyond the maximum.
	var one latencies
	one.add(1234567 * time.Microsecond)
	if q := one.quantiles(); q.p50 != one.max || q.p99 != one.max {
		t.Errorf("%+v of one latency of %s", q, one.max)
	}
}

func TestBackoff(t *testing.T) {
	for refused, want := range map[int]time.Duration{0: 0, 1: 100 * ms, 2: 200 * ms, 5: 1600 * ms, 6: 2 * time.Second, 1000: 2 * time.Second} {
		if got := backoff(refused); got != want {
			t.Errorf("refused %d times: %s, want %s", refused, got, want)
		}
	}
}
