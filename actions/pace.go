package actions

import (
	"slices"
	"time"
)

// What a probe may cost. What it costs is the time of its fast samples: on a busy
// machine most of a sample's time is spent waiting for a processor, and a probe
// that then looked away would be blind when it is wanted. But slow ones may not
// add up.
const (
	dutyCycle  = 50 // a sample costs one part in fifty of the time
	slowShare  = 5  // and takes one in five on average
	recentCost = 8  // samples that are looked at
	fewSamples = 4  // of fewer none may be a fast one
)

// pace is the schedule of a probe: when samples are due, how late they were sent,
// and how far they were apart. Due times are absolute, so that lateness does not
// add up.
type pace struct {
	every time.Duration
	due   time.Time

	recent  [recentCost]time.Duration // of samples, a ring
	samples int
	spent   time.Duration

	first, last time.Time
	late        latencies
	gap         time.Duration // the longest
	stretched   int
	dearest     time.Duration // the highest cost that stretched it
}

// begins makes the first sample due.
func (p *pace) begins(now time.Time) { p.due = now }

// sends tells that a sample is sent.
func (p *pace) sends(now time.Time) {
	if p.first.IsZero() {
		p.first = now
	} else {
		p.gap = max(p.gap, now.Sub(p.last))
	}
	p.last = now
	p.late.add(now.Sub(p.due))
}

// took tells what the sample cost and makes the next one due. Times that have
// passed by then are left out rather than made up for.
func (p *pace) took(cost time.Duration, now time.Time) {
	p.recent[p.samples%recentCost] = cost
	p.samples++
	p.spent += cost
	interval := p.interval()
	if interval > p.every {
		p.stretched++
	}
	p.due = p.due.Add(interval)
	if behind := now.Sub(p.due); behind > 0 {
		p.due = p.due.Add((behind/interval + 1) * interval)
	}
}

// interval is the time to the next sample.
func (p *pace) interval() time.Duration {
	recent := p.recent[:min(p.samples, recentCost)]
	var sum time.Duration
	for _, c := range recent {
		sum += c
	}
	cost := lowerQuartile(recent)
	wanted := sum / time.Duration(len(recent)) * slowShare
	if len(recent) >= fewSamples {
		wanted = max(wanted, cost*dutyCycle)
	}
	if wanted > p.every {
		p.dearest = max(p.dearest, cost)
	}
	return max(p.every, wanted)
}

// lowerQuartile is a duration that three of four are not below.
func lowerQuartile(d []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[(len(sorted)-1)/4]
}

// held is the interval that was held, on average.
func (p *pace) held() time.Duration {
	if p.samples < 2 {
		return 0
	}
	return p.last.Sub(p.first) / time.Duration(p.samples-1)
}

// cost is what a sample cost on average.
func (p *pace) cost() time.Duration {
	if p.samples == 0 {
		return 0
	}
	return p.spent / time.Duration(p.samples)
}
