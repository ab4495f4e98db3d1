package actions

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// latencies are durations of which only the distribution is kept, to three
// digits: 188 kB from the first one on, however many follow.
type latencies struct {
	counts *hdrhistogram.Histogram // of microseconds; made for the first one
	n      int
	max    time.Duration // exact, and not bounded
}

// quantiles are the durations that so many of 100 did not exceed.
type quantiles struct{ p50, p95, p99 time.Duration }

// What the counts tell apart. A longer latency is counted as longestLatency;
// only max says how long it was.
const (
	shortestLatency = time.Microsecond
	longestLatency  = time.Hour
	latencyDigits   = 3
)

func (l *latencies) add(d time.Duration) {
	if l.counts == nil {
		l.counts = hdrhistogram.New(1, longestLatency.Microseconds(), latencyDigits)
	}
	l.n++
	l.max = max(l.max, d)
	// It refuses what is above its maximum, and nothing else.
	_ = l.counts.RecordValue(min(max(d, shortestLatency), longestLatency).Microseconds())
}

// quantiles takes some 10 µs at most.
func (l *latencies) quantiles() quantiles {
	if l.n == 0 {
		return quantiles{}
	}
	micros := l.counts.ValueAtPercentilesSlice([]float64{50, 95, 99})
	at := func(i int) time.Duration { return min(time.Duration(micros[i])*time.Microsecond, l.max) }
	return quantiles{at(0), at(1), at(2)}
}
