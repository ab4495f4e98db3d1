package journal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"runbook/engine/event"
)

func create(t testing.TB, dir string) *Journal {
	t.Helper()
	j, err := Create(dir, "run")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func write(t *testing.T, j *Journal, records []event.Record) {
	t.Helper()
	for _, r := range records {
		if err := j.Write(r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".runbook")
	j := create(t, dir)
	if want := filepath.Join(dir, "runs", "run", "journal.jsonl"); j.Path() != want {
		t.Errorf("journal at %s, want %s", j.Path(), want)
	}
	for path, want := range map[string]fs.FileMode{j.Path(): 0o600, dir: fs.ModeDir | 0o700, filepath.Dir(j.Path()): fs.ModeDir | 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, want %v (%v)", path, info.Mode(), want, err)
		}
	}
	if _, err := Create(dir, "run"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second journal of the run: %v", err)
	}
}

func TestCreateIgnored(t *testing.T) {
	made, there := filepath.Join(t.TempDir(), ".runbook"), t.TempDir()
	create(t, made)
	create(t, there)
	if got, err := os.ReadFile(filepath.Join(made, ".gitignore")); err != nil || string(got) != "*\n" {
		t.Errorf("a directory that was made has the .gitignore %q (%v)", got, err)
	}
	if _, err := os.Stat(filepath.Join(there, ".gitignore")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that was there has got a .gitignore (%v)", err)
	}
}

func TestCreateErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ dir, run, want string }{
		{file, "run", "create journal " + filepath.Join(file, "runs/run/journal.jsonl") + ": mkdir " + file + ": not a directory"},
		{t.TempDir(), "../run", `create journal: "../run" is not the id of a run`},
		{t.TempDir(), "", `create journal: "" is not the id of a run`},
		{t.TempDir(), "..", `create journal: ".." is not the id of a run`},
	} {
		if _, err := Create(test.dir, test.run); err == nil || err.Error() != test.want {
			t.Errorf("error %v, want %s", err, test.want)
		}
	}
}

func TestWriteAndRead(t *testing.T) {
	j := create(t, t.TempDir())
	want := story()
	write(t, j, want)
	got, err := ReadFile(j.Path())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("the records came back changed")
	}
}

// Killed after any byte: the whole lines are there, and the torn one is said.
func TestReadOfEveryPrefix(t *testing.T) {
	var text []byte
	for _, r := range story()[:16] {
		line, err := r.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, line...), '\n')
	}
	for n := range len(text) + 1 {
		records, err := Read(bytes.NewReader(text[:n]))
		whole := bytes.Count(text[:n], []byte("\n"))
		if len(records) != whole {
			t.Fatalf("%d bytes: %d records, want %d", n, len(records), whole)
		}
		if torn := n > 0 && text[n-1] != '\n'; errors.Is(err, ErrTorn) != torn || !torn && err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}

func TestReadErrors(t *testing.T) {
	const first, second = `{"seq":1,"event":"warning","text":"a"}`, `{"seq":2,"event":"warning","text":"b"}`
	for _, test := range []struct {
		name, text, want string
		records          int
	}{
		{"empty", "", "", 0},
		{"whole", first + "\n" + second + "\n", "", 2},
		{"torn", first + "\n" + second[:9], "read journal: line 2: the last line is torn", 1},
		{"no line break", first + "\n" + second, "read journal: line 2: the last line is torn", 1},
		{"zeros after a power failure", first + "\n\x00\x00\x00", "read journal: line 2: the last line is torn", 1},
		{"gap", first + "\n" + `{"seq":3,"event":"warning"}` + "\n", "read journal: line 2: record 3, want 2", 1},
		{"late start", second + "\n", "read journal: line 1: record 2, want 1", 0},
		{"garbage", first + "\nhello\n" + second + "\n", "read journal: line 2: read record: invalid character 'h'", 1},
		{"glued", first + "\n" + second[:9] + second + "\n", "read journal: line 2: ", 1},
		{"empty line", first + "\n\n", "read journal: line 2: ", 1},
		{"newer version", first + "\n" + `{"seq":2,"event":"teleported"}` + "\n", `read journal: line 2: read record 2: unknown event "teleported"`, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			records, err := Read(strings.NewReader(test.text))
			if len(records) != test.records {
				t.Errorf("%d records, want %d", len(records), test.records)
			}
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
	if _, err := ReadFile("nowhere.jsonl"); err == nil || err.Error() != "read journal nowhere.jsonl: no such file or directory" {
		t.Errorf("error %v", err)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	j := create(t, dir)
	all := story()
	write(t, j, all[:5])
	f, err := os.OpenFile(j.Path(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"seq":6,"ti`); err != nil {
		t.Fatal(err)
	}
	f.Close()

	again, records, err := Open(dir, "run")
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if len(records) != 5 {
		t.Fatalf("%d records, want 5", len(records))
	}
	write(t, again, all[5:])
	got, err := ReadFile(j.Path())
	if err != nil || !reflect.DeepEqual(got, all) {
		t.Errorf("%d records after continuing, want %d (%v)", len(got), len(all), err)
	}
	if _, _, err := Open(dir, "other"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a journal that is not there: %v", err)
	}
}

// disk is a file that can run full, and remembers what was synced.
type disk struct {
	text   []byte
	room   int // bytes that still fit; negative: no end
	synced []int
	stuck  bool // it cannot be truncated
	broken error
}

func (d *disk) Write(b []byte) (int, error) {
	if d.room < 0 || len(b) <= d.room {
		d.text = append(d.text, b...)
		d.room -= len(b)
		return len(b), nil
	}
	n := d.room
	d.text = append(d.text, b[:n]...)
	d.room = 0
	return n, &fs.PathError{Op: "write", Path: "journal.jsonl", Err: syscall.ENOSPC}
}

func (d *disk) Sync() error {
	d.synced = append(d.synced, bytes.Count(d.text, []byte("\n")))
	return d.broken
}

func (d *disk) Truncate(size int64) error {
	if d.stuck {
		return &fs.PathError{Op: "truncate", Path: "journal.jsonl", Err: syscall.EIO}
	}
	d.room += len(d.text) - int(size)
	d.text = d.text[:size]
	return nil
}

func (d *disk) Close() error { return nil }

func TestFullDisk(t *testing.T) {
	warning := func(seq int) event.Record {
		return event.Record{Seq: seq, Time: start, Event: event.Warning{Text: "hello"}}
	}
	line, err := warning(1).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for room := len(line) + 1; room < 2*len(line)+2; room++ {
		d := &disk{room: room}
		j := &Journal{path: ".runbook/runs/r/journal.jsonl", file: d, changing: changing{}}
		write(t, j, []event.Record{warning(1)})
		err := j.Write(warning(2))
		if !errors.Is(err, syscall.ENOSPC) || err.Error() != "write journal .runbook/runs/r/journal.jsonl: no space left on device" {
			t.Fatalf("error %v", err)
		}
		d.room = -1 // somebody made room; a record is missing all the same
		if again := j.Write(warning(3)); again != err {
			t.Errorf("the next record: %v, want the same error", again)
		}
		records, err := Read(bytes.NewReader(d.text))
		if err != nil || len(records) != 1 {
			t.Errorf("room for %d bytes: %d records, want 1 (%v)", room, len(records), err)
		}
	}
}

func TestFullDiskThatCannotBeCut(t *testing.T) {
	d := &disk{room: 10, stuck: true}
	j := &Journal{path: "journal.jsonl", file: d, changing: changing{}}
	err := j.Write(event.Record{Seq: 1, Event: event.Warning{}})
	if !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, syscall.EIO) {
		t.Errorf("error %v", err)
	}
	if _, err := Read(bytes.NewReader(d.text)); !errors.Is(err, ErrTorn) {
		t.Errorf("reading what is left: %v", err)
	}
}

func TestFullDevice(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("needs /dev/full")
	}
	defer f.Close()
	j := &Journal{path: "journal.jsonl", file: f, changing: changing{}}
	err = j.Write(event.Record{Seq: 1, Event: event.Warning{}})
	if err == nil || err.Error() != "write journal journal.jsonl: no space left on device" {
		t.Errorf("error %v", err)
	}
}

func TestWhatIsSynced(t *testing.T) {
	d := &disk{room: -1}
	j := &Journal{file: d, changing: changing{}}
	write(t, j, number(
		event.RunStarted{},                     // 1: yes
		started("read", false),                 // 2
		answered("read", "main", "SELECT 1"),   // 3
		finished("read", event.Done),           // 4
		started("change", true),                // 5: yes
		event.Progress{Step: "change"},         // 6
		sent("change", "main", "UPDATE"),       // 7: yes
		answered("change", "main", "UPDATE"),   // 8
		event.ObligationOpened{},               // 9: yes
		event.ObligationClosed{},               // 10: yes
		finished("change", event.Done),         // 11: yes
		finished("change", event.Done),         // 12
		event.Sighting{}, event.WindowClosed{}, // 13, 14
		event.RunFinished{}, // 15: yes
	))
	if want := []int{1, 5, 7, 9, 10, 11, 15}; !slices.Equal(d.synced, want) {
		t.Errorf("synced after %v, want %v", d.synced, want)
	}
	d.broken = syscall.EIO
	err := j.Write(event.Record{Seq: 16, Event: started("b", true)})
	if err == nil || !strings.Contains(err.Error(), "to disk: input/output error") {
		t.Errorf("error %v", err)
	}
}

func TestRuns(t *testing.T) {
	dir := t.TempDir()
	if runs, err := Runs(dir); err != nil || len(runs) != 0 {
		t.Errorf("runs %q (%v)", runs, err)
	}
	for _, run := range []string{"20260102-150405-k3f9", "20260103-000000-0000", "20251231-235959-zzzz"} {
		j, err := Create(dir, run)
		if err != nil {
			t.Fatal(err)
		}
		j.Close()
	}
	if err := os.Mkdir(filepath.Join(dir, "runs", "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	want := []string{"20260103-000000-0000", "20260102-150405-k3f9", "20251231-235959-zzzz"}
	if runs, err := Runs(dir); err != nil || !slices.Equal(runs, want) {
		t.Errorf("runs %q, want %q (%v)", runs, want, err)
	}
}

func TestNewID(t *testing.T) {
	at := time.Date(2026, 1, 2, 16, 4, 5, 0, time.FixedZone("CET", 3600))
	if id := NewID(at, strings.NewReader("\x0f\x09")); id != "20260102-150405-00f9" {
		t.Errorf("id %s", id)
	}
	if id := NewID(at, strings.NewReader("")); id != "20260102-150405-0000" {
		t.Errorf("id without rand %s", id)
	}
	if later := NewID(at.Add(time.Millisecond), strings.NewReader("\x00\x00")); later <= NewID(at, strings.NewReader("\xff\xff")) {
		t.Errorf("a millisecond later: %s sorts before its elder", later)
	}
	if late := NewID(at.Add(time.Second-1), strings.NewReader("")); late != "20260102-150405-zz00" {
		t.Errorf("at the end of the second: %s", late)
	}
	if later := NewID(at.Add(time.Second), strings.NewReader("\x00\x00\x00\x00")); later <= NewID(at, strings.NewReader("\xff\xff\xff\xff")) {
		t.Errorf("%s does not sort after the second before", later)
	}
}

func BenchmarkWrite(b *testing.B) {
	j := create(b, b.TempDir())
	read := event.StatementFinished{
		Step: "backfill#3/2", Connection: "main", PID: 4711, SQL: "SELECT count(*) FROM line_items WHERE store_id IS NULL",
		Tag: "SELECT 1", Rows: 1, Duration: event.Duration(time.Millisecond),
	}
	for seq := 1; b.Loop(); seq++ {
		if err := j.Write(event.Record{Seq: seq, Time: start, Event: read}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteSynced(b *testing.B) {
	j := create(b, b.TempDir())
	for seq := 1; b.Loop(); seq++ {
		if err := j.Write(event.Record{Seq: seq, Time: start, Event: sent("backfill", "main", "UPDATE line_items SET x = 1")}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadAndFold(b *testing.B) {
	var text []byte
	const n = 10_000
	for seq := 1; seq <= n; seq += 2 {
		for i, e := range []event.Event{started("a", false), finished("a", event.Done)} {
			line, err := event.Record{Seq: seq + i, Time: start, Event: e}.MarshalJSON()
			if err != nil {
				b.Fatal(err)
			}
			text = append(append(text, line...), '\n')
		}
	}
	for b.Loop() {
		records, err := Read(bytes.NewReader(text))
		if err != nil || len(records) != n {
			b.Fatal(len(records), err)
		}
		Fold(records)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}
