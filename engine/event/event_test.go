package event

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fill gives every field of v a value that is not its zero value.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(`a "secret" of ` + v.Type().Name())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1_234_567_891)
	case reflect.Uint32:
		v.SetUint(42)
	case reflect.Float64:
		v.SetFloat(0.25)
	case reflect.Struct:
		if v.Type() == timeType {
			v.Set(reflect.ValueOf(noon))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		if v.Type() == rawJSON {
			v.SetBytes([]byte(`{"key":["secret",1]}`))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Map:
		x := reflect.New(v.Type().Elem()).Elem()
		fill(x)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), x)
	default:
		panic("fill knows no " + v.Type().String())
	}
}

func filled(e Event) Event {
	v := reflect.New(reflect.TypeOf(e)).Elem()
	fill(v)
	return v.Interface().(Event)
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 123456789, time.UTC)

func TestRecordRoundTrip(t *testing.T) {
	for _, e := range all() {
		for _, e := range []Event{e, filled(e)} {
			want := Record{Seq: 7, Time: noon, Event: e}
			text, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "\n") {
				t.Errorf("%s breaks the line: %s", Name(e), text)
			}
			var got Record
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s came back as\n%+v, want\n%+v", Name(e), got, want)
			}
		}
	}
}

func TestRecordIsFlat(t *testing.T) {
	text, err := json.Marshal(Record{3, noon, WindowClosed{Step: "watch", Probe: "blockers", Duration: Duration(1080 * time.Millisecond), Samples: 9}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"seq":3,"time":"2026-01-02T12:00:00.123456789Z","event":"window_closed","step":"watch","probe":"blockers","duration":1.08,"samples":9}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

// A field named like one of the record's own would be lost in the flat object.
func TestNoFieldHidesTheHead(t *testing.T) {
	for _, e := range all() {
		for i := range reflect.TypeOf(e).NumField() {
			tag, _, _ := strings.Cut(reflect.TypeOf(e).Field(i).Tag.Get("json"), ",")
			if tag == "" || slices.Contains([]string{"seq", "time", "event"}, tag) {
				t.Errorf("%T.%s is %q in JSON", e, reflect.TypeOf(e).Field(i).Name, tag)
			}
		}
	}
}

func TestRecordErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`{"seq":4,"event":"step_vanished"}`, `read record 4: unknown event "step_vanished"`},
		{`{"seq":4,"event":"warning","text":5}`, `read record 4 (warning): `},
		{`{"seq":"four"}`, `read record: `},
		{`{"seq":4,"event":"progress","elapsed":"5s"}`, `want seconds as a number`},
	} {
		var r Record
		err := json.Unmarshal([]byte(test.text), &r)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %s", test.text, err, test.want)
		}
	}
}

func TestNames(t *testing.T) {
	names := Names()
	if len(names) != len(all()) || !slices.Contains(names, "obligation_opened") {
		t.Errorf("names are %q", names)
	}
	if unique := slices.Compact(slices.Sorted(slices.Values(names))); len(unique) != len(names) {
		t.Errorf("a name stands for two types in %q", names)
	}
}

func TestDuration(t *testing.T) {
	for _, test := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0"},
		{1, "0.000000001"},
		{1500 * time.Millisecond, "1.5"},
		{100 * time.Hour, "360000"},
		{-time.Second, "-1"},
		{-1, "-0.000000001"},
		{90*24*time.Hour + 1, "7776000.000000001"},
	} {
		text, err := json.Marshal(Duration(test.d))
		if err != nil || string(text) != test.want {
			t.Errorf("%v is %s, want %s (%v)", test.d, text, test.want, err)
		}
		var back Duration
		if err := json.Unmarshal(text, &back); err != nil || time.Duration(back) != test.d {
			t.Errorf("%s is %v, want %v (%v)", text, back, test.d, err)
		}
	}
}

func TestMaskHidesEverywhere(t *testing.T) {
	mask := NewMask([]string{"", "secret", `a "secret"`})
	for _, e := range all() {
		e := filled(e)
		before, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		after, err := json.Marshal(mask.Event(e))
		if err != nil {
			t.Fatalf("%s: %v", Name(e), err)
		}
		if strings.Contains(string(after), "secret") {
			t.Errorf("%s still tells: %s", Name(e), after)
		}
		if again, _ := json.Marshal(e); string(again) != string(before) {
			t.Errorf("%s was changed by its mask", Name(e))
		}
	}
}

func TestMaskInJSON(t *testing.T) {
	for _, test := range []struct{ name, secret, raw, want string }{
		{"in a string", `hunter2`, `{"dsn":"pw=hunter2"}`, `{"dsn":"pw=*****"}`},
		{"quoted", `a"b\c`, `["a\"b\\c"]`, `["*****"]`},
		{"quoted, as Go writes it", `a"<b`, `["a\"\u003cb"]`, `["*****"]`},
		{"quoted, as PostgreSQL writes it", `a"<b`, `["a\"<b"]`, `["*****"]`},
		{"a number", `77`, `{"count":1775}`, `"*****"`},
		{"none", `hunter2`, `{"a":1}`, `{"a":1}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := NewMask([]string{test.secret}).Event(StepFinished{Result: json.RawMessage(test.raw)})
			if got := string(got.(StepFinished).Result); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestMaskHidesTheLongestFirst(t *testing.T) {
	if got := NewMask([]string{"pass", "password"}).String("my password"); got != "my *****" {
		t.Errorf("got %q", got)
	}
}

func TestMaskOfNothing(t *testing.T) {
	for _, mask := range []*Mask{nil, NewMask(nil), NewMask([]string{""})} {
		want := Warning{Text: "hello"}
		if got := mask.Event(want); got != want || mask.String("hello") != "hello" {
			t.Errorf("got %v", got)
		}
	}
}

// memory keeps records, and refuses from the record failAt on.
type memory struct {
	records []Record
	failAt  int
	err     error
}

func (m *memory) Write(r Record) error {
	m.records = append(m.records, r)
	if m.failAt > 0 && r.Seq >= m.failAt {
		return m.err
	}
	return nil
}

func TestStream(t *testing.T) {
	var first, second memory
	s := NewStream(NewMask([]string{"secret"}), func() time.Time { return noon }, &first, &second)
	for range 3 {
		if err := s.Emit(Warning{Text: "a secret"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, sink := range []*memory{&first, &second} {
		for i, r := range sink.records {
			want := Record{i + 1, noon, Warning{Text: "a *****"}}
			if r != want {
				t.Errorf("got %v, want %v", r, want)
			}
		}
		if len(sink.records) != 3 {
			t.Errorf("%d records, want 3", len(sink.records))
		}
	}
}

// All sinks see every record, whatever happens to one of them, so that the
// journal stays whole when the terminal goes away.
func TestStreamKeepsTheFirstError(t *testing.T) {
	broken := &memory{failAt: 2, err: errors.New("no space left on device")}
	other := &memory{failAt: 3, err: errors.New("broken pipe")}
	s := NewStream(nil, time.Now, broken, other)
	var errs []error
	for range 4 {
		errs = append(errs, s.Emit(Warning{}))
	}
	if want := []error{nil, broken.err, broken.err, broken.err}; !slices.Equal(errs, want) {
		t.Errorf("errors %v, want %v", errs, want)
	}
	if s.Err() != broken.err || len(other.records) != 4 {
		t.Errorf("Err is %v, the other sink saw %d records", s.Err(), len(other.records))
	}
}

func TestStreamContinues(t *testing.T) {
	var sink memory
	s := NewStream(nil, time.Now, &sink)
	s.Continue(41)
	if err := s.Emit(Warning{}); err != nil || sink.records[0].Seq != 42 {
		t.Errorf("record %d (%v), want 42", sink.records[0].Seq, err)
	}
}

func TestStreamConcurrently(t *testing.T) {
	var sink memory
	s := NewStream(nil, time.Now, &sink)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if err := s.Emit(Progress{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i, r := range sink.records {
		if r.Seq != i+1 {
			t.Fatalf("record %d has number %d", i+1, r.Seq)
		}
	}
}

func BenchmarkMarshal(b *testing.B) {
	r := Record{7, noon, StatementFinished{Step: "backfill#3/2", Connection: "main", PID: 4711, SQL: "SELECT count(*) FROM line_items WHERE store_id IS NULL", Tag: "SELECT 1", Rows: 1, Duration: Duration(time.Millisecond)}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.MarshalJSON(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	text, err := Record{7, noon, Warning{Text: "hello"}}.MarshalJSON()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var r Record
		if err := r.UnmarshalJSON(text); err != nil {
			b.Fatal(err)
		}
	}
}
