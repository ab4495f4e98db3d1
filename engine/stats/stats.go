// Package stats says what a set of timings shows: a median with its confidence
// interval, percentiles, and whether one set differs from another. It takes
// durations and gives durations back; the mathematics is that of benchstat
// (golang.org/x/perf/benchmath), which assumes nothing of the distribution.
//
// It measures nothing, prints nothing, and does not judge whether a difference
// matters; see Test.Threshold for the one place where a caller can say so.
package stats

import (
	"math"
	"slices"
	"time"

	"golang.org/x/perf/benchmath"
)

// Sample is one duration per independent execution, in any order. The
// functions of this package do not change it.
type Sample []time.Duration

// seconds is s as benchmath wants it. It is a copy, because benchmath sorts
// what it is given.
func (s Sample) seconds(t *benchmath.Thresholds) *benchmath.Sample {
	values := make([]float64, len(s))
	for i, d := range s {
		values[i] = d.Seconds()
	}
	return benchmath.NewSample(values, t)
}

func (s Sample) sorted() Sample {
	return slices.Sorted(slices.Values(s))
}

// duration is the nearest duration to a number of seconds.
func duration(seconds float64) time.Duration {
	return time.Duration(math.Round(seconds * float64(time.Second)))
}
