package postgres

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Interval is PostgreSQL's interval. Its three parts are independent: a month
// has no fixed number of days, a day no fixed number of hours.
type Interval struct {
	Months       int32
	Days         int32
	Microseconds int64
}

const (
	microsecondsPerDay = 24 * 60 * 60 * 1_000_000
	daysPerMonth       = 30
)

// Compare orders two intervals by PostgreSQL's own rule, which takes a month for
// 30 days and a day for 24 hours: -1, 0 or +1.
func (i Interval) Compare(j Interval) int {
	iDays, iRest := i.span()
	jDays, jRest := j.span()
	return cmp.Or(cmp.Compare(iDays, jDays), cmp.Compare(iRest, jRest))
}

// span is the length in days and in microseconds of a day begun, kept apart
// since in microseconds alone it would overflow.
func (i Interval) span() (days, rest int64) {
	days, rest = i.Microseconds/microsecondsPerDay, i.Microseconds%microsecondsPerDay
	if rest < 0 {
		days, rest = days-1, rest+microsecondsPerDay
	}
	return days + int64(i.Days) + int64(i.Months)*daysPerMonth, rest
}

// String is the server's own form: 1 year 2 mons -3 days +04:05:06.7.
func (i Interval) String() string {
	var (
		b      strings.Builder
		signed bool // the part before was negative, so a plus is needed
	)
	part := func(n int32, unit string) {
		if n == 0 {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		if signed && n > 0 {
			b.WriteByte('+')
		}
		signed = n < 0
		fmt.Fprintf(&b, "%d %s", n, unit)
		if n != 1 {
			b.WriteByte('s')
		}
	}
	part(i.Months/12, "year")
	part(i.Months%12, "mon")
	part(i.Days, "day")
	if b.Len() == 0 {
		return formatClock(i.Microseconds)
	}
	if i.Microseconds != 0 {
		b.WriteByte(' ')
		if signed && i.Microseconds > 0 {
			b.WriteByte('+')
		}
		b.WriteString(formatClock(i.Microseconds))
	}
	return b.String()
}

func formatClock(microseconds int64) string {
	sign, n := "", uint64(microseconds)
	if microseconds < 0 {
		sign, n = "-", -n
	}
	seconds, fraction := n/1_000_000, n%1_000_000
	s := fmt.Sprintf("%s%02d:%02d:%02d", sign, seconds/3600, seconds/60%60, seconds%60)
	if fraction != 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%06d", fraction), "0")
	}
	return s
}

func decodeInterval(text []byte) any {
	i, ok := parseInterval(string(text))
	switch {
	case !ok:
		return string(text)
	case i.Months == 0 && i.Days == 0 && fitsDuration(i.Microseconds):
		return time.Duration(i.Microseconds) * time.Microsecond
	}
	return i
}

func fitsDuration(microseconds int64) bool {
	const limit = math.MaxInt64 / 1000
	return -limit <= microseconds && microseconds <= limit
}

// parseInterval reads the form of IntervalStyle postgres. The other styles never
// yield text that it takes for something else.
func parseInterval(s string) (Interval, bool) {
	var i Interval
	fields := strings.Fields(s)
	for len(fields) >= 2 {
		n, err := strconv.ParseInt(fields[0], 10, 32)
		if err != nil {
			return Interval{}, false
		}
		switch strings.TrimSuffix(fields[1], "s") {
		case "year":
			i.Months += int32(n) * 12
		case "mon":
			i.Months += int32(n)
		case "day":
			i.Days = int32(n)
		default:
			return Interval{}, false
		}
		fields = fields[2:]
	}
	if len(fields) == 0 {
		return i, s != ""
	}
	microseconds, ok := parseIntervalClock(fields[0])
	i.Microseconds = microseconds
	return i, ok
}

// parseIntervalClock reads -hh:mm:ss.ffffff; the hours can be beyond what a
// time.Duration holds.
func parseIntervalClock(s string) (int64, bool) {
	clock, negative := strings.CutPrefix(s, "-")
	clock = strings.TrimPrefix(clock, "+")
	hours, rest, found := strings.Cut(clock, ":")
	if !found || len(hours) < 2 {
		return 0, false
	}
	h, ok := digits(hours)
	part, okRest := parseClock("00:" + rest)
	const maxHours = math.MaxInt64 / 3_600_000_000
	if !ok || !okRest || h > maxHours {
		return 0, false
	}
	n := uint64(h)*3_600_000_000 + uint64(part.Microseconds())
	switch {
	case negative && n <= 1<<63:
		return -int64(n), true
	case n < 1<<63:
		return int64(n), !negative
	}
	return 0, false
}
