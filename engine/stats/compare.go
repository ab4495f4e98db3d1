package stats

import (
	"cmp"
	"math"

	"golang.org/x/perf/benchmath"
)

// Verdict is what a comparison shows.
type Verdict string

const (
	Faster Verdict = "faster"
	Slower Verdict = "slower"

	// Same means that no difference was shown, not that there is none. How
	// large one could still be is between Comparison.Low and High.
	Same Verdict = "same"

	// Unknown means that a difference could not have been shown: one of the
	// samples is too small, or its median is zero. One timing is never a
	// verdict.
	Unknown Verdict = "unknown"
)

// enough is the size of the smallest samples that can differ significantly at
// 5 %: the U test's least p-value is 0.1 for 3 and 3, and 0.03 for 4 and 4.
const enough = 4

// Comparison says how the times of one sample relate to those of an earlier
// one.
type Comparison struct {
	Ratio     float64 // median after / median before; 0 where before's is zero or a sample is empty
	Low, High float64 // 95 % confidence interval of Ratio; zero where the verdict is Unknown
	PValue    float64 // of the Mann–Whitney U test, two-sided; 1 where it cannot be made
	Verdict   Verdict
	Warnings  []string // sentences for a person
}

// Test compares samples. Its zero value tests at 5 % and calls every
// significant difference by its name.
type Test struct {
	// Alpha is the p-value up to which a difference is significant; 0.05 by
	// default.
	Alpha float64

	// Threshold is how far from 1 the ratio must be before a significant
	// difference is more than Same: 0.03 passes over what is below 3 %. With
	// many executions the test finds differences that nobody cares about, and
	// how small that is only the caller knows: 0 by default.
	Threshold float64
}

// Compare says whether after is faster or slower than before, at 5 % and
// without a threshold. The same samples always give the same comparison.
func Compare(after, before Sample) Comparison {
	return Test{}.Compare(after, before)
}

// Compare says whether after is faster or slower than before. The same samples
// always give the same comparison.
func (t Test) Compare(after, before Sample) Comparison {
	if len(after) == 0 || len(before) == 0 {
		return Comparison{PValue: 1, Verdict: Unknown, Warnings: []string{"no executions to compare"}}
	}
	thresholds := benchmath.Thresholds{CompareAlpha: cmp.Or(t.Alpha, 0.05)}
	a, b := after.seconds(&thresholds), before.seconds(&thresholds)
	u := benchmath.AssumeNothing.Compare(b, a)
	c := Comparison{PValue: u.P, Verdict: Unknown, Warnings: texts(u.Warnings)}

	medianBefore := median(b.Values)
	if medianBefore == 0 {
		c.Warnings = append(c.Warnings, "the earlier median is zero, nothing is a multiple of it")
		return c
	}
	c.Ratio = median(a.Values) / medianBefore
	if len(after) < enough || len(before) < enough {
		return c
	}
	c.Low, c.High = ratioInterval(a.Values, b.Values)
	c.Verdict = t.verdict(u, c.Ratio)
	return c
}

func (t Test) verdict(u benchmath.Comparison, ratio float64) Verdict {
	switch {
	case u.P > u.Alpha, math.Abs(ratio-1) <= t.Threshold:
		return Same
	case ratio < 1:
		return Faster
	default:
		return Slower
	}
}

// median is the middle of sorted, non-empty values.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// GeoMean is the geometric mean, the one that treats half as fast and twice as
// fast alike. It is 0 where there is none: for no ratios, or one that is not
// positive.
func GeoMean(ratios []float64) float64 {
	if len(ratios) == 0 {
		return 0
	}
	var logs float64
	for _, r := range ratios {
		if r <= 0 {
			return 0
		}
		logs += math.Log(r)
	}
	return math.Exp(logs / float64(len(ratios)))
}
