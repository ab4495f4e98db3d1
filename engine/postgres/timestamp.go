package postgres

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind says which SQL type a time.Time stands for.
type Kind int

// The kinds of time.
const (
	Timestamptz Kind = iota // an instant: every time.Time that is none of the others
	Timestamp               // a wall time without a zone, read as if it were UTC
	Date                    // a day, the midnight that begins it read as if it were UTC
)

func (k Kind) String() string {
	return [...]string{Timestamptz: "timestamptz", Timestamp: "timestamp", Date: "date"}[k]
}

// The locations that mark a time as a date or as a timestamp without time zone.
// Both are UTC. To take such a value for an instant would shift it by the
// session's TimeZone as soon as it goes back to the server, silently.
var (
	timestampZone = time.FixedZone("timestamp", 0)
	dateZone      = time.FixedZone("date", 0)
)

// KindOf tells the SQL type of a time that came from the server, also after it
// was computed with: a date plus an hour is a timestamp.
func KindOf(t time.Time) Kind {
	switch t.Location() {
	case timestampZone:
		return Timestamp
	case dateZone:
		if t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 && t.Nanosecond() == 0 {
			return Date
		}
		return Timestamp
	}
	return Timestamptz
}

func decodeTime(text []byte) any {
	if t, ok := parseTime(string(text)); ok {
		return t
	}
	return string(text)
}

// parseTime reads the ISO style: 2026-11-21 22:34:25.123456+05:30, without zone,
// without time of day, and each of them before Christ. The form tells the kind.
//
// Note: time.Parse knows no years beyond 9999, none before Christ and no two
// widths of the zone.
func parseTime(s string) (time.Time, bool) {
	s, beforeChrist := strings.CutSuffix(s, " BC")
	day, clock, hasClock := strings.Cut(s, " ")
	year, month, date, ok := parseDay(day)
	if !ok {
		return time.Time{}, false
	}
	if beforeChrist {
		year = 1 - year
	}
	if !hasClock {
		return time.Date(year, month, date, 0, 0, 0, 0, dateZone), true
	}
	zone := timestampZone
	if i := strings.IndexAny(clock, "+-"); i >= 0 {
		offset, ok := parseOffset(clock[i:])
		if !ok {
			return time.Time{}, false
		}
		clock, zone = clock[:i], fixedZone(offset)
	}
	since, ok := parseClock(clock)
	if !ok {
		return time.Time{}, false
	}
	t := time.Date(year, month, date, 0, 0, 0, 0, zone)
	return t.Add(since), true
}

func parseDay(s string) (year int, month time.Month, day int, ok bool) {
	parts := strings.Split(s, "-")
	if len(parts) != 3 || len(parts[0]) < 4 || len(parts[1]) != 2 || len(parts[2]) != 2 {
		return 0, 0, 0, false
	}
	y, okY := digits(parts[0])
	m, okM := digits(parts[1])
	d, okD := digits(parts[2])
	return y, time.Month(m), d, okY && okM && okD && 1 <= m && m <= 12 && 1 <= d && d <= 31
}

// parseClock reads hh:mm:ss with a fraction.
func parseClock(s string) (time.Duration, bool) {
	parts := strings.Split(s, ":")
	if len(parts) != 3 || len(parts[0]) < 2 || len(parts[1]) != 2 {
		return 0, false
	}
	second, fraction, _ := strings.Cut(parts[2], ".")
	if len(fraction) > 9 || len(second) != 2 {
		return 0, false
	}
	h, okH := digits(parts[0])
	m, okM := digits(parts[1])
	sec, okS := digits(second)
	nano, okN := digits((fraction + "000000000")[:9])
	const maxHours = 24
	if !okH || !okM || !okS || !okN || h > maxHours {
		return 0, false
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(sec)*time.Second + time.Duration(nano), true
}

// parseOffset reads +hh, +hh:mm and +hh:mm:ss, as seconds east of Greenwich.
func parseOffset(s string) (int, bool) {
	seconds, unit := 0, 3600
	for part := range strings.SplitSeq(s[1:], ":") {
		n, ok := digits(part)
		if !ok || len(part) != 2 || unit == 0 {
			return 0, false
		}
		seconds += n * unit
		unit /= 60
	}
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

func fixedZone(offset int) *time.Location {
	if offset == 0 {
		return time.UTC
	}
	return time.FixedZone("", offset)
}

// digits is Atoi that takes no sign.
func digits(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 62)
	return int(n), err == nil
}

// formatTime is the inverse of parseTime, to the nanosecond.
func formatTime(t time.Time) string {
	year, suffix := t.Year(), ""
	if year < 1 {
		year, suffix = 1-year, " BC"
	}
	day := fmt.Sprintf("%04d-%02d-%02d", year, t.Month(), t.Day())
	switch KindOf(t) {
	case Date:
		return day + suffix
	case Timestamp:
		return day + t.Format(" 15:04:05.999999999") + suffix
	}
	_, offset := t.Zone()
	return day + t.Format(" 15:04:05.999999999") + formatOffset(offset) + suffix
}

func formatOffset(seconds int) string {
	sign := "+"
	if seconds < 0 {
		sign, seconds = "-", -seconds
	}
	s := fmt.Sprintf("%s%02d", sign, seconds/3600)
	if seconds%3600 != 0 {
		s += fmt.Sprintf(":%02d", seconds/60%60)
	}
	if seconds%60 != 0 {
		s += fmt.Sprintf(":%02d", seconds%60)
	}
	return s
}
