package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/perf/benchmath"
)

func milliseconds(values ...float64) Sample {
	var s Sample
	for _, v := range values {
		s = append(s, time.Duration(math.Round(v*1e6)))
	}
	return s
}

// spread is n durations around center, the same for one seed.
func spread(seed uint64, n int, center, width time.Duration) Sample {
	rng := rand.New(rand.NewPCG(seed, 0))
	s := make(Sample, n)
	for i := range s {
		s[i] = center + time.Duration(rng.NormFloat64()*float64(width))
	}
	return s
}

// The expected numbers were printed by benchstat for these twenty timings:
//
//	Q  120.1m ± 4%  104.0m ± 3%  -13.45% (p=0.000 n=10)
func TestBenchstat(t *testing.T) {
	before := milliseconds(119.8, 121.0, 118.2, 131.7, 119.1, 124.9, 117.6, 119.9, 122.4, 120.3)
	after := milliseconds(103.8, 105.2, 101.9, 110.4, 104.1, 102.7, 103.3, 106.6, 103.0, 104.9)

	b, a := Summarize(before), Summarize(after)
	if b.Median != milliseconds(120.1)[0] || a.Median != milliseconds(103.95)[0] {
		t.Errorf("medians %v and %v, want 120.1ms and 103.95ms", b.Median, a.Median)
	}
	if b.Low != milliseconds(118.2)[0] || b.High != milliseconds(124.9)[0] || b.CI != 0.95 {
		t.Errorf("interval %v to %v at %v, want 118.2ms to 124.9ms at 0.95", b.Low, b.High, b.CI)
	}
	c := Compare(after, before)
	if got := math.Round((c.Ratio-1)*1e4) / 100; got != -13.45 {
		t.Errorf("delta %v %%, want -13.45 %%", got)
	}
	if c.PValue >= 0.0005 || c.Verdict != Faster {
		t.Errorf("p=%v, %s, want p<0.0005, faster", c.PValue, c.Verdict)
	}
	if !(c.Low < c.Ratio && c.Ratio < c.High && c.High < 1) {
		t.Errorf("interval %v to %v around %v", c.Low, c.High, c.Ratio)
	}
}

// benchmath is the oracle for samples of every size, ties included.
func TestBenchmath(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	draw := func(n int) (Sample, []float64) {
		s, values := make(Sample, n), make([]float64, n)
		for i := range s {
			s[i] = time.Duration(40+rng.IntN(12)) * time.Millisecond
			values[i] = s[i].Seconds()
		}
		return s, values
	}
	for n := 4; n < 70; n++ {
		before, b := draw(n)
		after, a := draw(n + rng.IntN(5))
		oracle := benchmath.AssumeNothing
		thresholds := benchmath.DefaultThresholds
		sb, sa := benchmath.NewSample(b, &thresholds), benchmath.NewSample(a, &thresholds)
		want, got := oracle.Compare(sb, sa), Compare(after, before)
		if got.PValue != want.P {
			t.Errorf("n=%d: p=%v, benchmath has %v", n, got.PValue, want.P)
		}
		if shown := got.Verdict == Faster || got.Verdict == Slower; shown != (want.FormatDelta(1, 2) != "~" && got.Ratio != 1) {
			t.Errorf("n=%d: verdict %s at p=%v", n, got.Verdict, want.P)
		}
		sum, center := Summarize(before), oracle.Summary(sb, 0.95)
		if sum.Median != duration(center.Center) {
			t.Errorf("n=%d: median %v, benchmath has %v", n, sum.Median, center.Center)
		}
		if sum.CI > 0 && (sum.Low != duration(center.Lo) || sum.High != duration(center.Hi)) {
			t.Errorf("n=%d: interval %v to %v, benchmath has %v to %v", n, sum.Low, sum.High, center.Lo, center.Hi)
		}
	}
}

func TestSummarize(t *testing.T) {
	upTo := func(n int) (s Sample) {
		for i := range n {
			s = append(s, time.Duration(n-i)*time.Millisecond)
		}
		return s
	}
	const ms = time.Millisecond
	for _, test := range []struct {
		name     string
		sample   Sample
		want     Summary
		warnings int
	}{
		{"none", nil, Summary{}, 0},
		{"one", milliseconds(7), Summary{N: 1, Median: 7 * ms, Mean: 7 * ms, Min: 7 * ms, Max: 7 * ms, P95: 7 * ms, P99: 7 * ms}, 1},
		{"five", upTo(5), Summary{N: 5, Median: 3 * ms, Mean: 3 * ms, Min: ms, Max: 5 * ms, P95: 5 * ms, P99: 5 * ms}, 1},
		{"six", upTo(6), Summary{N: 6, Median: 3500 * time.Microsecond, Low: ms, High: 6 * ms, CI: 0.95, Mean: 3500 * time.Microsecond, Min: ms, Max: 6 * ms, P95: 6 * ms, P99: 6 * ms}, 0},
		{"all equal", slices.Repeat(milliseconds(4), 8), Summary{N: 8, Median: 4 * ms, Low: 4 * ms, High: 4 * ms, CI: 0.95, Mean: 4 * ms, Min: 4 * ms, Max: 4 * ms, P95: 4 * ms, P99: 4 * ms}, 0},
		{"hundred", upTo(100), Summary{N: 100, Median: 50500 * time.Microsecond, Low: 40 * ms, High: 60 * ms, CI: 0.95, Mean: 50500 * time.Microsecond, Min: ms, Max: 100 * ms, P95: 95 * ms, P99: 99 * ms}, 0},
		{"zeros", make(Sample, 6), Summary{N: 6, CI: 0.95}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Summarize(test.sample)
			if len(got.Warnings) != test.warnings {
				t.Errorf("warnings %q, want %d", got.Warnings, test.warnings)
			}
			got.Warnings = nil
			if !equal(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func equal(a, b Summary) bool {
	return a.N == b.N && a.Median == b.Median && a.Low == b.Low && a.High == b.High && a.CI == b.CI &&
		a.Mean == b.Mean && a.Min == b.Min && a.Max == b.Max && a.P95 == b.P95 && a.P99 == b.P99
}

func TestSamplesAreLeftAlone(t *testing.T) {
	a, b := milliseconds(3, 1, 2, 9, 4, 7), milliseconds(8, 5, 6, 1, 2, 3)
	wantA, wantB := slices.Clone(a), slices.Clone(b)
	Summarize(a)
	Compare(a, b)
	if !slices.Equal(a, wantA) || !slices.Equal(b, wantB) {
		t.Errorf("samples are now %v and %v", a, b)
	}
}

func TestCompare(t *testing.T) {
	for _, test := range []struct {
		name          string
		after, before Sample
		test          Test
		want          Verdict
		ratio         float64
	}{
		{"nothing", nil, nil, Test{}, Unknown, 0},
		{"nothing before", milliseconds(1, 2, 3, 4), nil, Test{}, Unknown, 0},
		{"one timing is never a verdict", milliseconds(900), milliseconds(1), Test{}, Unknown, 900},
		{"three against many", milliseconds(9, 9, 9), spread(1, 50, 3*time.Millisecond, 1000), Test{}, Unknown, 3},
		{"four and four apart", milliseconds(9, 10, 11, 12), milliseconds(1, 2, 3, 4), Test{}, Slower, 4.2},
		{"four and four overlapping", milliseconds(1, 3, 5, 7), milliseconds(2, 4, 6, 8), Test{}, Same, 0.8},
		{"all equal", milliseconds(5, 5, 5, 5, 5), milliseconds(5, 5, 5, 5, 5), Test{}, Same, 1},
		{"faster", spread(1, 20, 40*time.Millisecond, time.Millisecond), spread(2, 20, 60*time.Millisecond, time.Millisecond), Test{}, Faster, 0.67},
		{"two percent, any difference counts", spread(1, 40, 102*time.Millisecond, time.Millisecond), spread(2, 40, 100*time.Millisecond, time.Millisecond), Test{}, Slower, 1.02},
		{"two percent, three are asked for", spread(1, 40, 102*time.Millisecond, time.Millisecond), spread(2, 40, 100*time.Millisecond, time.Millisecond), Test{Threshold: 0.03}, Same, 1.02},
		{"a stricter alpha", milliseconds(9, 10, 11, 12), milliseconds(1, 2, 3, 4), Test{Alpha: 0.01}, Same, 4.2},
		{"earlier median zero", milliseconds(1, 1, 1, 1), make(Sample, 4), Test{}, Unknown, 0},
		{"ties with one median", milliseconds(1, 5, 5, 5, 5, 5), milliseconds(5, 5, 5, 5, 5, 9), Test{}, Same, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.test.Compare(test.after, test.before)
			if got.Verdict != test.want {
				t.Errorf("%s at ratio %v, p=%v, want %s", got.Verdict, got.Ratio, got.PValue, test.want)
			}
			if math.Abs(got.Ratio-test.ratio) > 0.01 {
				t.Errorf("ratio %v, want %v", got.Ratio, test.ratio)
			}
			if got.Verdict != Unknown && !(got.Low <= got.Ratio && got.Ratio <= got.High) {
				t.Errorf("ratio %v lies outside %v to %v", got.Ratio, got.Low, got.High)
			}
		})
	}
}

func TestComparisonIsDeterministic(t *testing.T) {
	a, b := spread(1, 30, time.Second, time.Millisecond), spread(2, 30, time.Second, time.Millisecond)
	first, second := Compare(a, b), Compare(a, b)
	if first.Low != second.Low || first.High != second.High {
		t.Errorf("%v to %v, then %v to %v", first.Low, first.High, second.Low, second.High)
	}
}

// The rank draw must have the distribution of the plain bootstrap, which draws
// and sorts whole resamples.
func TestResampledMedian(t *testing.T) {
	for _, n := range []int{1, 2, 5, 6, 41} {
		sorted := make([]float64, n)
		for i := range sorted {
			sorted[i] = float64(i * i)
		}
		const draws = 40000
		rng := rand.New(rand.NewPCG(5, uint64(n)))
		quick, plain := make([]float64, draws), make([]float64, draws)
		resample := make([]float64, n)
		for i := range draws {
			quick[i] = resampledMedian(rng, sorted)
			for j := range resample {
				resample[j] = sorted[rng.IntN(n)]
			}
			slices.Sort(resample)
			plain[i] = median(resample)
		}
		if d := distance(quick, plain); d > 0.015 {
			t.Errorf("n=%d: the distributions are %.3f apart", n, d)
		}
	}
}

// distance is the Kolmogorov–Smirnov distance of two equally long samples.
func distance(a, b []float64) float64 {
	slices.Sort(a)
	slices.Sort(b)
	share := func(s []float64, x float64) float64 {
		i, _ := slices.BinarySearchFunc(s, x, func(e, x float64) int {
			if e <= x {
				return -1
			}
			return 1
		})
		return float64(i) / float64(len(s))
	}
	var d float64
	for _, x := range slices.Compact(slices.Concat(a, b)) {
		d = max(d, math.Abs(share(a, x)-share(b, x)))
	}
	return d
}

func TestGeoMean(t *testing.T) {
	for _, test := range []struct {
		ratios []float64
		want   float64
	}{
		{nil, 0},
		{[]float64{2}, 2},
		{[]float64{2, 0.5}, 1},
		{[]float64{1, 10, 100}, 10},
		{[]float64{2, 0}, 0},
	} {
		if got := GeoMean(test.ratios); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("GeoMean(%v) = %v, want %v", test.ratios, got, test.want)
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	for _, n := range []int{20, 20000} {
		after, before := spread(1, n, time.Second, time.Millisecond), spread(2, n, time.Second, time.Millisecond)
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				Compare(after, before)
			}
		})
	}
}
