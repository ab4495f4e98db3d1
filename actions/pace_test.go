package actions

import (
	"testing"
	"time"
)

// paced runs a schedule by hand: every sample is sent late by lag and takes
// cost. It returns the times between samples.
func paced(p *pace, now *time.Time, n int, lag, cost time.Duration) []time.Duration {
	var gaps []time.Duration
	for range n {
		before := p.last
		*now = p.due.Add(lag)
		p.sends(*now)
		if !before.IsZero() {
			gaps = append(gaps, now.Sub(before))
		}
		*now = now.Add(cost)
		p.took(cost, *now)
	}
	return gaps
}

func newPace(every time.Duration) (*pace, *time.Time) {
	now := time.Unix(1000, 0)
	p := &pace{every: every}
	p.begins(now)
	return p, &now
}

func TestCheapSamplesKeepTheInterval(t *testing.T) {
	p, now := newPace(50 * ms)
	for _, gap := range paced(p, now, 1000, 3*ms, ms/2) {
		if gap != 50*ms {
			t.Fatalf("a gap of %s", gap)
		}
	}
	if p.stretched != 0 || p.held() != 50*ms {
		t.Errorf("stretched %d times, held %s", p.stretched, p.held())
	}
	if late := p.late.quantiles().p99; late < 3*ms || late > 3*ms+10*time.Microsecond {
		t.Errorf("p99 of the lateness is %s, want 3ms", late)
	}
}

func TestADearProbeTakesOnePartInFifty(t *testing.T) {
	p, now := newPace(50 * ms)
	gaps := paced(p, now, 100, 0, 10*ms)
	if last := gaps[len(gaps)-1]; last != 500*ms {
		t.Errorf("10ms samples come every %s, want 500ms", last)
	}
	if p.stretched < 97 || p.dearest != 10*ms {
		t.Errorf("stretched %d times for %s", p.stretched, p.dearest)
	}
}

func TestOneSlowSampleBlindsForAMomentOnly(t *testing.T) {
	p, now := newPace(100 * ms)
	paced(p, now, 20, 0, ms)
	paced(p, now, 1, 0, 200*ms)
	var sum time.Duration
	for _, gap := range paced(p, now, 20, 0, ms)[1:] {
		sum += gap
		if gap > 300*ms {
			t.Errorf("a gap of %s after one sample of 200ms", gap)
		}
	}
	if sum > 5*time.Second {
		t.Errorf("20 samples took %s", sum)
	}
	if gap := paced(p, now, 1, 0, ms)[0]; gap != 100*ms {
		t.Errorf("twenty samples later the gap is %s", gap)
	}
}

// On a busy machine samples wait for a processor.
func TestSamplesThatWaitDoNotBlindTheProbe(t *testing.T) {
	p, now := newPace(100 * ms)
	for i := range 200 {
		cost := ms
		if i%2 == 0 {
			cost = 40 * ms
		}
		for _, gap := range paced(p, now, 1, 0, cost) {
			if gap > 200*ms {
				t.Fatalf("sample %d: a gap of %s", i, gap)
			}
		}
	}
}

func TestAProbeThatBecomesCheapSamplesAtItsIntervalAgain(t *testing.T) {
	p, now := newPace(20 * ms)
	paced(p, now, 50, 0, 40*ms)
	gaps := paced(p, now, 20, 0, ms/10)
	if n := len(gaps); gaps[n-1] != 20*ms {
		t.Errorf("the gaps are %s", gaps)
	}
	var sum time.Duration
	for _, gap := range gaps {
		sum += gap
	}
	if sum > 30*time.Second {
		t.Errorf("it took %s", sum)
	}
}

func TestMissedTimesAreLeftOut(t *testing.T) {
	p, now := newPace(20 * ms)
	paced(p, now, 10, 0, 0)
	stuck := paced(p, now, 1, 170*ms, 0)
	next := paced(p, now, 1, 0, 0)
	if stuck[0] != 190*ms || next[0] != 10*ms {
		t.Errorf("after a sample that was 170ms late: %s, %s", stuck[0], next[0])
	}
	if p.gap != 190*ms {
		t.Errorf("the longest gap is %s", p.gap)
	}
	if off := p.due.Sub(p.first) % (20 * ms); off != 0 {
		t.Errorf("the schedule has shifted by %s", off)
	}
}
