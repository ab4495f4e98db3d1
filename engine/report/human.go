package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"runbook/engine/event"
)

// human is a duration as a person says it, in at most two units: 180µs, 12ms,
// 6.1s, 4m12s, 1h02m, 3d04h.
func human(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d <= 0:
		return "0s"
	case d < time.Millisecond:
		return strconv.FormatInt(max(int64(d/time.Microsecond), 1), 10) + "µs"
	case d < 999500*time.Microsecond:
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + "ms"
	case d < 59950*time.Millisecond:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	case d.Round(time.Second) < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d.Round(time.Minute) < day:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	default:
		d = d.Round(time.Hour)
		return fmt.Sprintf("%dd%02dh", d/day, d%day/time.Hour)
	}
}

// rough is human without parts of a second, where there are whole ones.
func rough(d time.Duration) string {
	if d < time.Second {
		return human(d)
	}
	if d = d.Round(time.Second); d < time.Minute {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return human(d)
}

// scaled is a duration in the unit that suits it.
func scaled(d time.Duration) (value float64, unit string) {
	switch {
	case d < 999500*time.Nanosecond:
		return float64(d) / float64(time.Microsecond), "µs"
	case d < 999500*time.Microsecond:
		return float64(d) / float64(time.Millisecond), "ms"
	default:
		return d.Seconds(), "s"
	}
}

// decimals is how many digits after the point make three significant ones.
func decimals(v float64) int {
	switch {
	case v >= 99.95:
		return 0
	case v >= 9.995:
		return 1
	default:
		return 2
	}
}

// change is a ratio of times as a person compares: +63%, -33%, and from twice
// the time on x6.8.
func change(ratio float64) string {
	percent := (ratio - 1) * 100
	switch {
	case ratio >= 99.95:
		return "x" + strconv.FormatFloat(ratio, 'f', 0, 64)
	case ratio >= 2:
		return "x" + strconv.FormatFloat(ratio, 'f', 1, 64)
	case math.Abs(percent) < 9.95:
		return fmt.Sprintf("%+.1f%%", percent)
	default:
		return fmt.Sprintf("%+.0f%%", percent)
	}
}

// probability is a p-value as statisticians print it: p=.41, p<.001.
func probability(p float64) string {
	switch {
	case p < 0.001:
		return "p<.001"
	case p < 0.01:
		return "p=" + strconv.FormatFloat(p, 'f', 3, 64)[1:]
	case p < 0.995:
		return "p=" + strconv.FormatFloat(p, 'f', 2, 64)[1:]
	default:
		return "p=1"
	}
}

// grouped is n with its thousands apart: 4,002,959.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign, digits := digits[:len(digits)-len(strings.TrimLeft(digits, "-"))], strings.TrimLeft(digits, "-")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// count is a number with its noun: 1 window, 12 windows.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// duration is an event's duration as the standard library's.
func duration(d event.Duration) time.Duration { return time.Duration(d) }

// ordinal is a place in a row: attempt 3.
func ordinal(word string, n int) string { return word + " " + strconv.Itoa(n) }
