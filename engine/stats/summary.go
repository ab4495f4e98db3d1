package stats

import (
	"math"
	"time"

	"golang.org/x/perf/benchmath"
)

// level is the confidence of every interval, as in benchstat.
const level = 0.95

// Summary describes one sample. All fields but N are zero for an empty one.
type Summary struct {
	N int

	// Median lies between Low and High with confidence CI, which is 0.95. No
	// interval can be given for fewer than 6 executions: CI, Low and High are
	// then zero and Warnings says what is missing.
	Median, Low, High time.Duration
	CI                float64

	// P95 and P99 are executions that happened, not interpolations: the
	// fastest one that at least 95 (99) % of the sample were not slower than.
	// For fewer than 20 (100) executions that is the slowest.
	Mean, Min, Max, P95, P99 time.Duration

	// Warnings are sentences for a person about what the numbers lack.
	Warnings []string
}

// Summarize describes s. The interval is the one of order statistics
// (Hahn and Meeker, Statistical Intervals, 5.2), as benchstat prints it.
func Summarize(s Sample) Summary {
	if len(s) == 0 {
		return Summary{}
	}
	sorted := s.sorted()
	sum := Summary{
		N:    len(s),
		Mean: mean(s),
		Min:  sorted[0],
		Max:  sorted[len(sorted)-1],
		P95:  percentile(sorted, 95),
		P99:  percentile(sorted, 99),
	}
	thresholds := benchmath.DefaultThresholds
	m := benchmath.AssumeNothing.Summary(s.seconds(&thresholds), level)
	sum.Median = duration(m.Center)
	if !math.IsInf(m.Lo, 0) && !math.IsInf(m.Hi, 0) {
		sum.Low, sum.High, sum.CI = duration(m.Lo), duration(m.Hi), level
	}
	sum.Warnings = texts(m.Warnings)
	return sum
}

// percentile is the nearest-rank percentile of a sorted, non-empty sample. The
// rank is computed in whole numbers: 0.95*20 in floating point is above 19.
func percentile(sorted Sample, p int) time.Duration {
	rank := (p*len(sorted) + 99) / 100
	return sorted[max(rank, 1)-1]
}

// mean adds up in floating point, since 2^63 ns are only 292 years of waiting
// and a sample may hold a million of anything.
func mean(s Sample) time.Duration {
	var sum float64
	for _, d := range s {
		sum += float64(d)
	}
	return time.Duration(math.Round(sum / float64(len(s))))
}

func texts(errs []error) []string {
	var out []string
	for _, err := range errs {
		out = append(out, err.Error())
	}
	return out
}
