package actions

import "time"

// part is a shard that rows are copied to, by its node and its OID there.
type part struct {
	node string
	oid  int64
}

// copied is how much of a part's COPY is done.
type copied struct{ rows, bytes int64 }

// copyFold makes one number of what is seen of many COPYs. A server forgets a
// COPY when it ends, so that each one's last sighting counts, and what came
// after it is not known: the sum is a lower bound then.
type copyFold struct {
	total copied // an estimate; 0 where there is none
	parts map[part]copied
	ended bool // a COPY has ended, with more in it than was seen
	marks []mark
	begun bool // whether the first mark is a sample, not the beginning
}

// mark is how much was done at a time.
type mark struct {
	at   time.Time
	done copied
}

// paceWindow is how far back the pace looks: long enough for a checkpoint's
// hiccup, short enough to follow a change.
const paceWindow = 30 * time.Second

// begin says that copying begins now, with nothing done. Going on after a pause,
// as with the next partition, keeps what is done.
func (f *copyFold) begin(at time.Time) {
	f.marks, f.begun = []mark{{at, f.done()}}, false
}

// add takes a sample of all COPYs that run. It says whether any went on.
func (f *copyFold) add(at time.Time, seen map[part]copied) (moved bool) {
	if f.parts == nil {
		f.parts = map[part]copied{}
	}
	for p := range f.parts {
		if _, runs := seen[p]; !runs {
			f.ended = true
		}
	}
	before := f.done()
	for p, c := range seen {
		old := f.parts[p]
		f.parts[p] = copied{max(old.rows, c.rows), max(old.bytes, c.bytes)}
	}
	now := f.done()
	f.marks = append(f.marks, mark{at, now})
	if n := len(f.marks); !f.begun && (n == 3 || now == before) {
		// The first rows take longer: the COPYs are opened before.
		f.marks, f.begun = f.marks[1:], true
	}
	for len(f.marks) > 2 && at.Sub(f.marks[1].at) >= paceWindow {
		f.marks = f.marks[1:]
	}
	return now != before
}

func (f *copyFold) done() copied {
	var sum copied
	for _, c := range f.parts {
		sum.rows += c.rows
		sum.bytes += c.bytes
	}
	return sum
}

// share is the total, as far as it still can be true: more may be done than was
// estimated.
func (f *copyFold) share() copied {
	done, total := f.done(), f.total
	if done.rows >= total.rows {
		total.rows = 0
	}
	if done.bytes >= total.bytes {
		total.bytes = 0
	}
	return total
}

// pace is rows and bytes per second of late; 0 where that cannot be said.
func (f *copyFold) pace() (rows, bytes float64) {
	if len(f.marks) < 2 {
		return 0, 0
	}
	first, last := f.marks[0], f.marks[len(f.marks)-1]
	spent := last.at.Sub(first.at).Seconds()
	if spent <= 0 {
		return 0, 0
	}
	return float64(last.done.rows-first.done.rows) / spent, float64(last.done.bytes-first.done.bytes) / spent
}

// remaining is how long the rest will take at the present pace, by the rows
// where their number is estimated, else by the bytes; 0 where that cannot be
// said.
func (f *copyFold) remaining(now time.Time) time.Duration {
	done, total := f.done(), f.share()
	rows, bytes := f.pace()
	var left float64
	switch {
	case total.rows > 0 && rows > 0:
		left = float64(total.rows-done.rows) / rows
	case total.rows == 0 && f.total.rows == 0 && total.bytes > 0 && bytes > 0:
		left = float64(total.bytes-done.bytes) / bytes
	default:
		return 0
	}
	since := now.Sub(f.marks[len(f.marks)-1].at) // it has gone on since
	return max(time.Duration(left*float64(time.Second))-since, 0)
}
