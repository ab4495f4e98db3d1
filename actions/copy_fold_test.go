package actions

import (
	"slices"
	"testing"
	"time"

	"runbook/engine/event"
)

var copyBegan = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func copySecond(s float64) time.Time { return copyBegan.Add(time.Duration(s * float64(time.Second))) }

// copySample is what is seen of the COPYs at a time: rows by shard, of 10 bytes each.
type copySample struct {
	at   float64
	rows map[int64]int64
}

func (s copySample) parts() map[part]copied {
	out := map[part]copied{}
	for oid, rows := range s.rows {
		out[part{"worker", oid}] = copied{rows, 10 * rows}
	}
	return out
}

func TestCopyFold(t *testing.T) {
	type numbers struct {
		done, total, bytes, totalBytes int64
		pace                           float64
		left                           time.Duration
		atLeast                        bool
	}
	for _, c := range []struct {
		name    string
		total   copied
		samples []copySample
		now     float64
		want    numbers
	}{
		{
			name: "nothing is seen yet", total: copied{1000, 9000}, now: 3,
			want: numbers{total: 1000, totalBytes: 9000},
		},
		{
			name: "two shards", total: copied{1000, 20000}, samples: []copySample{{2, map[int64]int64{1: 100, 2: 100}}}, now: 2,
			want: numbers{done: 200, total: 1000, bytes: 2000, totalBytes: 20000, pace: 100, left: 8 * time.Second},
		},
		{
			name: "time since the last sample counts", total: copied{1000, 20000}, samples: []copySample{{2, map[int64]int64{1: 200}}}, now: 5,
			want: numbers{done: 200, total: 1000, bytes: 2000, totalBytes: 20000, pace: 100, left: 5 * time.Second},
		},
		{
			name: "what is left is never negative", total: copied{1000, 20000}, samples: []copySample{{2, map[int64]int64{1: 200}}}, now: 60,
			want: numbers{done: 200, total: 1000, bytes: 2000, totalBytes: 20000, pace: 100},
		},
		{
			name: "a COPY that ends keeps what was seen of it", total: copied{1000, 20000},
			samples: []copySample{{1, map[int64]int64{1: 300, 2: 200}}, {2, map[int64]int64{2: 300}}, {4, nil}}, now: 4,
			want: numbers{done: 600, total: 1000, bytes: 6000, totalBytes: 20000, pace: 100.0 / 3, left: 12 * time.Second, atLeast: true},
		},
		{
			name: "a smaller number does not take back a larger one", total: copied{1000, 20000},
			samples: []copySample{{1, map[int64]int64{1: 300}}, {2, map[int64]int64{1: 100}}}, now: 2,
			want: numbers{done: 300, total: 1000, bytes: 3000, totalBytes: 20000},
		},
		{
			name: "the time before the first row does not count", total: copied{1000, 20000},
			samples: []copySample{{1, map[int64]int64{1: 0}}, {2, map[int64]int64{1: 100}}}, now: 2,
			want: numbers{done: 100, total: 1000, bytes: 1000, totalBytes: 20000, pace: 100, left: 9 * time.Second},
		},
		{
			name: "nor that of the first rows, when there are more", total: copied{1000, 20000},
			samples: []copySample{{2, map[int64]int64{1: 10}}, {3, map[int64]int64{1: 110}}}, now: 3,
			want: numbers{done: 110, total: 1000, bytes: 1100, totalBytes: 20000, pace: 100, left: 8900 * time.Millisecond},
		},
		{
			name: "more rows than estimated", total: copied{1000, 20000}, samples: []copySample{{1, map[int64]int64{1: 1000}}}, now: 1,
			want: numbers{done: 1000, bytes: 10000, totalBytes: 20000, pace: 1000},
		},
		{
			name: "without an estimate of rows the bytes say what is left", total: copied{0, 20000}, samples: []copySample{{2, map[int64]int64{1: 400}}}, now: 2,
			want: numbers{done: 400, bytes: 4000, totalBytes: 20000, pace: 200, left: 8 * time.Second},
		},
		{
			name: "the pace is that of late", total: copied{100_000, 2_000_000},
			samples: []copySample{{10, map[int64]int64{1: 10000}}, {20, map[int64]int64{1: 10000}}, {40, map[int64]int64{1: 10000}}, {60, map[int64]int64{1: 14000}}}, now: 60,
			want: numbers{done: 14000, total: 100_000, bytes: 140_000, totalBytes: 2_000_000, pace: 100, left: 860 * time.Second},
		},
		{
			name: "nothing moves, so nothing is foretold", total: copied{1000, 20000},
			samples: []copySample{{10, map[int64]int64{1: 500}}, {50, map[int64]int64{1: 500}}, {90, map[int64]int64{1: 500}}}, now: 90,
			want: numbers{done: 500, total: 1000, bytes: 5000, totalBytes: 20000},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := copyFold{total: c.total}
			f.begin(copyBegan)
			var last copied
			for _, s := range c.samples {
				f.add(copySecond(s.at), s.parts())
				if now := f.done(); now.rows < last.rows || now.bytes < last.bytes {
					t.Errorf("at %g s it went back from %v to %v", s.at, last, now)
				}
				last = f.done()
			}
			done, total := f.done(), f.share()
			pace, _ := f.pace()
			got := numbers{done.rows, total.rows, done.bytes, total.bytes, pace, f.remaining(copySecond(c.now)), f.ended}
			if got != c.want {
				t.Errorf("got %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestCopyFoldSaysWhetherSomethingMoved(t *testing.T) {
	var f copyFold
	f.begin(copyBegan)
	for i, c := range []struct {
		rows int64
		want bool
	}{{0, false}, {5, true}, {5, false}, {6, true}, {2, false}} {
		if got := f.add(copySecond(float64(i+1)), copySample{rows: map[int64]int64{1: c.rows}}.parts()); got != c.want {
			t.Errorf("sample %d: moved is %t", i, got)
		}
	}
}

func TestCopyFoldGoesOnAfterAPause(t *testing.T) {
	f := copyFold{total: copied{1000, 0}}
	f.begin(copyBegan)
	f.add(copySecond(1), copySample{rows: map[int64]int64{1: 400}}.parts())
	f.begin(copySecond(100)) // the next partition
	f.add(copySecond(101), copySample{rows: map[int64]int64{2: 200}}.parts())
	if rows, _ := f.pace(); f.done().rows != 600 || rows != 200 {
		t.Errorf("%d rows at %g/s", f.done().rows, rows)
	}
}

func TestCopyFoldMarksEstimates(t *testing.T) {
	f := copyFold{total: copied{1000, 20000}}
	f.begin(copyBegan)
	f.add(copySecond(2), copySample{rows: map[int64]int64{1: 200}}.parts())
	var e event.Progress
	f.tell(&e, copySecond(2))
	if want := []string{"rows_total", "bytes_total", "remaining"}; !slices.Equal(e.Estimated, want) || e.AtLeast {
		t.Errorf("estimated are %q, at least is %t", e.Estimated, e.AtLeast)
	}
	f = copyFold{}
	f.begin(copyBegan)
	f.add(copySecond(2), copySample{rows: map[int64]int64{1: 200}}.parts())
	f.add(copySecond(3), nil)
	e = event.Progress{}
	f.tell(&e, copySecond(3))
	if len(e.Estimated) > 0 || !e.AtLeast || e.RowsDone != 200 {
		t.Errorf("%+v", e)
	}
}
