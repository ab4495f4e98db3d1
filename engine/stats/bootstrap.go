package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// resamples is how often the bootstrap draws: its 2.5 % points are then the
// 100th value from either end, which moves by about a tenth of the interval
// from one seed to another.
const resamples = 4000

// ratioInterval is the 95 % percentile bootstrap interval (Efron and
// Tibshirani, An Introduction to the Bootstrap, 13.3) of the ratio of the
// medians of two sorted samples. Resamples of before with a median of zero have
// no ratio and are left out.
func ratioInterval(after, before []float64) (low, high float64) {
	// A fixed seed: a report made twice from one journal must not differ.
	rng := rand.New(rand.NewPCG(1, 2))
	ratios := make([]float64, 0, resamples)
	for range resamples {
		b := resampledMedian(rng, before)
		a := resampledMedian(rng, after)
		if b > 0 {
			ratios = append(ratios, a/b)
		}
	}
	if len(ratios) == 0 {
		return 0, 0
	}
	slices.Sort(ratios)
	cut := len(ratios) / 40
	return ratios[cut], ratios[len(ratios)-1-cut]
}

// resampledMedian is the median of a resample of sorted values: as many of
// them, drawn with replacement.
//
// Note: it draws the resample's middle, not the resample. The order statistics
// of n uniform draws are sums of exponential waiting times over their total
// (Devroye, Non-Uniform Random Variate Generation, V.2.1), so that three gamma
// variates give the two middle ranks exactly, for 20 values or a million.
func resampledMedian(rng *rand.Rand, sorted []float64) float64 {
	n := len(sorted)
	lower, upper := (n+1)/2, n/2+1 // ranks of the middle, from 1; equal for odd n
	before := gamma(rng, lower)
	between := gamma(rng, upper-lower)
	total := before + between + gamma(rng, n+1-upper)
	at := func(u float64) float64 { return sorted[min(int(u*float64(n)), n-1)] }
	return (at(before/total) + at((before+between)/total)) / 2
}

// gamma draws the sum of shape exponential variates, by Marsaglia and Tsang,
// A Simple Method for Generating Gamma Variables (2000).
func gamma(rng *rand.Rand, shape int) float64 {
	if shape == 0 {
		return 0
	}
	d := float64(shape) - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-rng.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
