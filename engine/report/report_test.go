package report

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"runbook/engine/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with testdata/name, or writes it there.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run the test with -update and look at the change", path)
		g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range min(len(g), len(w)) {
			if g[i] != w[i] {
				t.Fatalf("line %d\ngot  %q\nwant %q", i+1, g[i], w[i])
			}
		}
	}
}

// recorded are the records of testdata/name.
func recorded(t testing.TB, name string) []event.Record {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var records []event.Record
	for line := range bytes.Lines(text) {
		var r event.Record
		if err := r.UnmarshalJSON(line); err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

func shown(t testing.TB, records []event.Record, opts PlainOptions) string {
	t.Helper()
	var b bytes.Buffer
	p := NewPlain(&b, opts)
	for _, r := range records {
		if err := p.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestPlain(t *testing.T) {
	for _, test := range []struct {
		journal, golden string
		opts            PlainOptions
	}{
		{"tailspin.jsonl", "tailspin.txt", PlainOptions{Width: 100}},
		{"tailspin.jsonl", "tailspin-80.txt", PlainOptions{Width: 80, Clock: true}},
		{"tailspin.jsonl", "tailspin-color.txt", PlainOptions{Width: 100, Color: true}},
		{"tailspin.jsonl", "tailspin-verbose.txt", PlainOptions{Width: 120, Verbose: true}},
		{"failing.jsonl", "failing.txt", PlainOptions{Width: 100}},
		{"interrupted.jsonl", "interrupted.txt", PlainOptions{Width: 100}},
		{"standin.jsonl", "standin.txt", PlainOptions{Width: 100}},
		{"load.jsonl", "load.txt", PlainOptions{Width: 100}},
		{"load.jsonl", "load-70.txt", PlainOptions{Width: 70}},
	} {
		t.Run(test.golden, func(t *testing.T) {
			golden(t, test.golden, shown(t, recorded(t, test.journal), test.opts))
		})
	}
}

// one is a record of an event that happened some seconds into a run.
func one(seconds float64, e event.Event) event.Record {
	return event.Record{Seq: 1, Time: noon.Add(time.Duration(seconds * float64(time.Second))), Event: e}
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// Every event has a rule, and none of them panics over an empty one.
func TestPlainKnowsEveryEvent(t *testing.T) {
	for _, name := range event.Names() {
		var r event.Record
		if err := r.UnmarshalJSON(fmt.Appendf(nil, `{"seq":1,"event":%q}`, name)); err != nil {
			t.Fatal(err)
		}
		for _, verbose := range []bool{false, true} {
			if err := NewPlain(io.Discard, PlainOptions{Verbose: verbose}).Write(r); err != nil {
				t.Error(err)
			}
		}
	}
}

// The journal of a killed run ends anywhere, and one that was put together from
// pieces begins anywhere.
func TestPlainOfAnyPieces(t *testing.T) {
	for _, name := range []string{"tailspin.jsonl", "failing.jsonl", "interrupted.jsonl", "standin.jsonl"} {
		records := recorded(t, name)
		for i := 0; i < len(records); i += 5 {
			shown(t, records[:i], PlainOptions{})
			shown(t, records[i:], PlainOptions{Verbose: true, Width: 20})
		}
		rng := rand.New(rand.NewPCG(1, 2))
		for range 20 {
			rng.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
			shown(t, records, PlainOptions{Color: true, Clock: true})
		}
	}
}

// hostile fills every string that v holds, and names steps and statuses well
// enough to be shown.
func hostile(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			hostile(v.Field(i), s)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		hostile(v.Elem(), s)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(s))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		hostile(v.Index(0), s)
	case reflect.Map:
		x := reflect.New(v.Type().Elem()).Elem()
		hostile(x, s)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(s), x)
	}
}

// Whatever a database or a file says, the terminal sees no control character
// but the line breaks, and with colours only those that line.paint writes.
func TestNothingPaintsTheTerminal(t *testing.T) {
	const evil = "a\x1b[2J\x1b]0;title\a\rb\x00\u0085\u009b31m\u202ec\xff\x7f\u2028d\u200be\nf\tg"
	sgr := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for _, name := range event.Names() {
		var r event.Record
		if err := r.UnmarshalJSON(fmt.Appendf(nil, `{"seq":1,"event":%q}`, name)); err != nil {
			t.Fatal(err)
		}
		v := reflect.New(reflect.TypeOf(r.Event)).Elem()
		hostile(v, evil)
		for _, color := range []bool{false, true} {
			var b bytes.Buffer
			p := NewPlain(&b, PlainOptions{Verbose: true, Color: color, Clock: true})
			step := event.StepStarted{Step: evil, Title: evil, Action: evil}
			for _, r := range []event.Record{one(0, step), one(9, v.Interface().(event.Event)), one(20, event.RunFinished{})} {
				if err := p.Write(r); err != nil {
					t.Fatal(err)
				}
			}
			got := b.String()
			if color {
				got = sgr.ReplaceAllString(got, "")
			}
			if i := strings.IndexFunc(got, func(r rune) bool { return r != '\n' && unsafeRune(r) }); i >= 0 {
				t.Errorf("%s: the terminal gets %q", name, got[max(i-20, 0):i+4])
			}
		}
	}
}

// Colours change nothing but colours.
func TestColorsOnlyColor(t *testing.T) {
	sgr := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for _, name := range []string{"tailspin.jsonl", "failing.jsonl", "standin.jsonl"} {
		records := recorded(t, name)
		with := sgr.ReplaceAllString(shown(t, records, PlainOptions{Color: true}), "")
		if without := shown(t, records, PlainOptions{}); with != without {
			t.Errorf("%s reads differently in colour", name)
		}
	}
}

// Long titles and words without a space are not cut; all else fits from 80
// characters on.
func TestWidth(t *testing.T) {
	for _, width := range []int{80, 100, 140} {
		for l := range strings.Lines(shown(t, recorded(t, "tailspin.jsonl"), PlainOptions{Width: width, Verbose: true})) {
			l = strings.TrimSuffix(l, "\n")
			if utf8.RuneCountInString(l) > width && !strings.Contains(l, "Distribute orders and line_items") && !strings.Contains(l, "The cross-tenant query") && !strings.Contains(l, "$$") {
				t.Errorf("%d characters at width %d: %s", utf8.RuneCountInString(l), width, l)
			}
		}
	}
}

// broken refuses everything after its first writes.
type broken struct {
	left  int
	tries int
}

func (b *broken) Write(p []byte) (int, error) {
	b.tries++
	if b.left--; b.left < 0 {
		return 0, syscall.EPIPE
	}
	return len(p), nil
}

func TestBrokenPipeIsSaidOnce(t *testing.T) {
	warning := event.Warning{Text: "hello"}
	for _, test := range []struct {
		name string
		sink func(io.Writer) event.Sink
		want string
	}{
		{"plain", func(w io.Writer) event.Sink { return NewPlain(w, PlainOptions{}) }, "write to the terminal: broken pipe"},
		{"JSON lines", func(w io.Writer) event.Sink { return NewJSONLines(w) }, "write JSON lines: broken pipe"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &broken{left: 1}
			sink := test.sink(w)
			if err := sink.Write(one(0, warning)); err != nil {
				t.Fatal(err)
			}
			if err := sink.Write(one(1, warning)); !errors.Is(err, syscall.EPIPE) || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
			if err := sink.Write(one(2, warning)); err != nil || w.tries != 2 {
				t.Errorf("after the error: %v, %d writes", err, w.tries)
			}
		})
	}
}

func TestJSONLines(t *testing.T) {
	var b bytes.Buffer
	buffered := bufio.NewWriter(&b)
	sink := NewJSONLines(buffered)
	records := recorded(t, "tailspin.jsonl")
	for i, r := range records {
		if err := sink.Write(r); err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(b.Bytes(), []byte("\n")); lines != i+1 {
			t.Fatalf("%d lines are out after record %d", lines, i+1)
		}
	}
	want, err := os.ReadFile("testdata/tailspin.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Error("the lines are not those of the journal")
	}
}

func BenchmarkPlain(b *testing.B) {
	records := recorded(b, "tailspin.jsonl")
	for b.Loop() {
		p := NewPlain(io.Discard, PlainOptions{Color: true})
		for _, r := range records {
			if err := p.Write(r); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(records)), "ns/record")
}
