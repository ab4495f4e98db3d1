package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"runbook/engine/event"
	"runbook/engine/wording"
)

// heard is what was last shown of a step's progress.
type heard struct{ table, phase, holders string }

// unchanged is the time between two lines that say the same transaction is still
// in the way.
const unchanged = 30 * time.Second

// idle is how long nothing may move before a line says so.
const idle = 10 * time.Second

// progress shows signs of life. A new phase, and somebody else in the way, are
// shown at once when the step has been going on for a while.
func (p *Plain) progress(e event.Progress) {
	r := p.steps.find(e.Step)
	if r == nil {
		return
	}
	r.phase.enter(e, p.now)
	if !r.tells(e, p.now) {
		return
	}
	depth := p.open(e.Step) + 1
	p.row("..", accent, depth, r.ofTable(e).join(progressLine(e, r.phase.left(e, p.now))))
	p.holders(depth+1, e.WaitingFor)
}

// tells says whether a sign of life is to be shown, and takes it for shown then.
// That nobody is in the way any more is no news: somebody else may be next.
func (r *running) tells(e event.Progress, now time.Time) bool {
	what := heard{e.Table, e.Phase, holdersKey(e.WaitingFor)}
	if what.holders == "" && what.table == r.heard.table && what.phase == r.heard.phase {
		what.holders = r.heard.holders
	}
	switch {
	case what != r.heard && r.progress.interrupt(now):
	case what == r.heard && len(e.WaitingFor) > 0 && now.Sub(r.progress.last) < unchanged:
		return false
	case !r.progress.pass(now):
		return false
	}
	r.heard = what
	return true
}

// holdersKey is the same as long as the same transactions are in the way.
func holdersKey(list []event.Holder) string {
	var b strings.Builder
	for _, h := range list {
		fmt.Fprintf(&b, "%d %s %s\x00", h.PID, h.GID, h.Node)
	}
	return b.String()
}

// ofTable names the table, unless the step's title names it and no other.
func (r *running) ofTable(e event.Progress) line {
	if e.Table == "" {
		return nil
	}
	name := strings.Trim(e.Table[strings.LastIndexByte(e.Table, '.')+1:], `"`)
	if title := strings.ToLower(r.title); strings.Contains(title, strings.ToLower(name)) && !strings.Contains(title, ",") {
		return nil
	}
	return text(e.Table + "  ")
}

func progressLine(e event.Progress, left string) line {
	body := text(e.Phase)
	switch {
	case len(e.WaitingFor) == 0:
	case strings.HasPrefix(e.Phase, "waiting"):
		body = body.add(caution, " for "+rough(longest(e.WaitingFor)))
	default:
		body = body.add(caution, ", waiting for "+rough(longest(e.WaitingFor)))
	}
	if what := amounts(e); what != "" {
		body = body.add(plain, "  "+what)
	}
	if left != "" {
		body = body.add(plain, ", about "+left+" left")
	}
	if still := duration(e.Still); len(e.WaitingFor) == 0 && still >= idle && measured(e) {
		body = body.add(caution, ", nothing has moved for "+rough(still))
	}
	if e.Elapsed > 0 {
		body = body.add(faint, "  "+rough(duration(e.Elapsed)))
	}
	return body
}

// measured says whether what goes on in the phase can be seen.
func measured(e event.Progress) bool { return e.RowsDone > 0 || e.BytesDone > 0 || e.LagBytes > 0 }

func longest(list []event.Holder) time.Duration {
	var d time.Duration
	for _, h := range list {
		d = max(d, duration(h.Waiting))
	}
	return d
}

// mostHolders are named; who waits for more has one bigger problem.
const mostHolders = 3

// holders names who is in the way, a line each.
func (p *Plain) holders(depth int, list []event.Holder) {
	for _, h := range list[:min(len(list), mostHolders)] {
		who := styled(faint, "behind ").add(plain, holderText(h))
		if h.Statement != "" {
			who = who.add(plain, ": ").add(plain, cut(squeeze(h.Statement), max(p.room(depth)-who.width()-2, 20)))
		}
		p.under(depth, who)
	}
	if more := len(list) - mostHolders; more > 0 {
		p.under(depth, styled(faint, fmt.Sprintf("and %d more", more)))
	}
}

// holderText is who holds a lock: pid 7414 (loader), 14s in its transaction.
func holderText(h event.Holder) string {
	var parts []string
	switch {
	case h.GID != "":
		parts = append(parts, fmt.Sprintf("prepared transaction %q, %s old, until somebody commits it or rolls it back", h.GID, rough(duration(h.Transaction))))
	case h.PID == 0:
		parts = append(parts, "a prepared transaction")
	default:
		who := "pid " + strconv.FormatInt(h.PID, 10)
		if h.Application != "" {
			who += " (" + h.Application + ")"
		}
		parts = append(parts, who)
		if h.Transaction > 0 {
			parts = append(parts, rough(duration(h.Transaction))+" in its transaction")
		}
	}
	if h.Node != "" {
		parts[0] += " on " + h.Node
	}
	switch h.State {
	case "", "active":
	case "idle in transaction":
		parts = append(parts, "idle")
	default:
		parts = append(parts, h.State)
	}
	return strings.Join(parts, ", ")
}

// amounts is how much is done, how fast, and what is left:
// 1.2 of ~4.0 million rows (30%), 77 MB, 210,000 rows/s, about 13s left.
func amounts(e event.Progress) string {
	var parts []string
	if what := counted(e); what != "" {
		parts = append(parts, what)
	}
	if rows := rowsText(e); rows != "" {
		parts = append(parts, rows)
	}
	if bytes := bytesDone(e); bytes != "" {
		parts = append(parts, bytes)
	}
	if e.RowsPerSecond >= 1 {
		parts = append(parts, grouped(significant(e.RowsPerSecond))+" rows/s")
	}
	if e.LagBytes > 0 {
		parts = append(parts, wording.Bytes(e.LagBytes)+" of changes to replay")
	}
	if left := duration(e.Remaining); left >= time.Second {
		parts = append(parts, "about "+remaining(left)+" left")
	}
	if e.AtLeast && len(parts) > 0 {
		parts[0] = "at least " + parts[0]
	}
	return strings.Join(parts, ", ")
}

func rowsText(e event.Progress) string {
	switch {
	case e.RowsTotal > 0:
		done, total := pair(e.RowsDone, e.RowsTotal)
		return fmt.Sprintf("%s of %s%s rows (%d%%)", done, about(e, "rows_total"), total, percent(e.RowsDone, e.RowsTotal))
	case e.RowsDone > 0:
		return large(e.RowsDone) + " rows"
	default:
		return ""
	}
}

func bytesDone(e event.Progress) string {
	switch {
	case e.BytesDone == 0:
		return ""
	case e.RowsTotal == 0 && e.BytesTotal > 0:
		return fmt.Sprintf("%s of %s%s (%d%%)", wording.Bytes(e.BytesDone), about(e, "bytes_total"), wording.Bytes(e.BytesTotal), percent(e.BytesDone, e.BytesTotal))
	default:
		return wording.Bytes(e.BytesDone)
	}
}

// about marks an estimate.
func about(e event.Progress, field string) string {
	if slices.Contains(e.Estimated, field) {
		return "~"
	}
	return ""
}

// percent is rounded down: 100% is all of it.
func percent(done, total int64) int64 {
	return min(int64(float64(done)/float64(total)*100), 100)
}

// pair is two numbers in the unit of the second, 1.2 and 4.0 million, or where
// the first is too small for that, 87,000 and 4.0 million.
func pair(done, total int64) (string, string) {
	scale, word := magnitude(total)
	switch {
	case scale == 1:
		return grouped(done), grouped(total)
	case float64(done) < scale:
		return grouped(significant(float64(done))), oneDecimal(float64(total)/scale) + word
	default:
		return oneDecimal(float64(done) / scale), oneDecimal(float64(total)/scale) + word
	}
}

// large is a number of which the first digits matter: 12,345, 1.2 million.
func large(n int64) string {
	_, text := pair(n, n)
	return text
}

func magnitude(n int64) (scale float64, word string) {
	switch {
	case n >= 1e9:
		return 1e9, " billion"
	case n >= 1e6:
		return 1e6, " million"
	default:
		return 1, ""
	}
}

func oneDecimal(x float64) string { return strconv.FormatFloat(math.Floor(x*10)/10, 'f', 1, 64) }

// significant keeps three digits.
func significant(x float64) int64 {
	if x < 1 {
		return 0
	}
	unit := math.Pow(10, max(math.Floor(math.Log10(x))-2, 0))
	return int64(math.Round(x/unit) * unit)
}

// remaining is a time to come, which is never known to the second for long.
func remaining(d time.Duration) string {
	if d >= time.Minute && d < time.Hour {
		return fmt.Sprintf("%dm", (d+time.Minute/2)/time.Minute)
	}
	return rough(d)
}
