package actions

import (
	"testing"
	"time"

	"runbook/engine/event"
)

func bringingBack(sizes map[string]int64) *callProgress {
	p := newCallProgress(nil, "", preparing)
	p.incoming = &incoming{sizes: sizes}
	return p
}

// copies begins the copying of a table, as the messages of Citus do.
func copies(p *callProgress, table string, at time.Time) {
	p.turn(table)
	p.begin(preparing, at)
	p.begin(copying, at)
}

// told is what a sign of life says of the copying.
func told(p *callProgress, at time.Time) event.Progress {
	var e event.Progress
	if !p.incoming.tell(&e) {
		p.fold.tell(&e, at)
	}
	return e
}

func TestRowsAreCollectedBeforeTheyAreWritten(t *testing.T) {
	p := bringingBack(map[string]int64{"a": 120})
	copies(p, "a", copyBegan)
	for i, s := range []struct {
		spooled, written int64
		moved            bool
		phase            callPhase
		done             int64
		left             time.Duration
	}{
		{30, 0, true, collecting, 30, 0},
		{90, 0, true, collecting, 90, 0},
		{90, 0, false, collecting, 90, 0},
		{90, 40, true, "", 40, 2 * time.Second}, // 40 a second, of 120
		{90, 80, true, "", 80, time.Second},
		{90, 80, false, "", 80, 1500 * time.Millisecond},
	} {
		at := copyBegan.Add(time.Duration(i+1) * time.Second)
		if moved := p.arrived(at, map[part]copied{collected: {bytes: s.spooled}, {"", 7}: {bytes: s.written}}); moved != s.moved {
			t.Errorf("sample %d: moved is %t", i, moved)
		}
		e := told(p, at)
		if e.Phase != string(s.phase) || e.BytesDone != s.done || time.Duration(e.Remaining) != s.left {
			t.Errorf("sample %d: %q, %d bytes, %s left, want %q, %d, %s", i, e.Phase, e.BytesDone, time.Duration(e.Remaining), s.phase, s.done, s.left)
		}
	}
}

// The files of the tables before stay, and grow to the end of their copying after
// they were last seen.
func TestFilesOfTheTableBeforeAreNotCounted(t *testing.T) {
	p := bringingBack(map[string]int64{"a": 120, "b": 60})
	copies(p, "a", copyBegan)
	p.arrived(copyBegan.Add(time.Second), map[part]copied{{"", 7}: {bytes: 80}})
	if e := told(p, copyBegan.Add(time.Second)); e.BytesDone != 80 || e.BytesTotal != 120 {
		t.Errorf("of the first: %d of %d", e.BytesDone, e.BytesTotal)
	}
	copies(p, "b", copyBegan.Add(3*time.Second))
	p.arrived(copyBegan.Add(4*time.Second), map[part]copied{{"", 7}: {bytes: 120}, {"", 9}: {bytes: 0}})
	p.arrived(copyBegan.Add(5*time.Second), map[part]copied{{"", 7}: {bytes: 120}, {"", 9}: {bytes: 20}})
	if e := told(p, copyBegan.Add(5*time.Second)); e.BytesDone != 20 || e.BytesTotal != 60 || e.AtLeast {
		t.Errorf("of the second: %d of %d, at least: %t", e.BytesDone, e.BytesTotal, e.AtLeast)
	}
}

// What was written before the first look may be another table's.
func TestWrittenBeforeTheFirstLookIsALowerBound(t *testing.T) {
	p := bringingBack(map[string]int64{"a": 1, "b": 60})
	copies(p, "a", copyBegan)
	copies(p, "b", copyBegan)
	p.arrived(copyBegan.Add(time.Second), map[part]copied{{"", 7}: {bytes: 1}, {"", 9}: {bytes: 10}})
	p.arrived(copyBegan.Add(2*time.Second), map[part]copied{{"", 7}: {bytes: 1}, {"", 9}: {bytes: 30}})
	if e := told(p, copyBegan.Add(2*time.Second)); e.BytesDone != 20 || !e.AtLeast {
		t.Errorf("%d bytes, at least: %t", e.BytesDone, e.AtLeast)
	}
}
