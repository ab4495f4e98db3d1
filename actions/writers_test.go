package actions

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"runbook/engine/event"
)

// writing is a session whose transaction is so old, and for how long its statement
// has run.
func writing(pid int64, statement, state string, transaction, running time.Duration) writer {
	return writer{
		event.Holder{PID: pid, Statement: statement, State: state, Transaction: event.Duration(transaction)},
		event.Duration(running),
	}
}

func TestWhoWritesForLong(t *testing.T) {
	const limit = 200 * time.Millisecond
	for _, c := range []struct {
		name  string
		looks [][]writer // one after the other; of the last it is asked
		want  []int64
	}{
		{name: "nobody", looks: [][]writer{nil}},
		{
			name: "by the age of the transaction",
			looks: [][]writer{{
				writing(1, "INSERT", "active", 199*time.Millisecond, 199*time.Millisecond),
				writing(2, "INSERT", "active", limit, 0),
				writing(3, "UPDATE", "idle in transaction", time.Minute, 0),
			}},
			want: []int64{2, 3},
		},
		{
			name:  "a prepared transaction has no state",
			looks: [][]writer{{{Holder: event.Holder{GID: "order-7", Transaction: event.Duration(time.Hour)}}}},
			want:  []int64{0},
		},
		{
			name: "a statement that took long before, from its beginning, by anybody",
			looks: [][]writer{
				{writing(1, "SELECT batch()", "active", 3*time.Second, 3*time.Second)},
				nil,
				{writing(2, "SELECT batch()", "active", time.Millisecond, time.Millisecond), writing(3, "INSERT", "active", time.Millisecond, time.Millisecond)},
			},
			want: []int64{2},
		},
		{
			name: "one that is over does not count",
			looks: [][]writer{
				{writing(1, "SELECT batch()", "active", 3*time.Second, 3*time.Second)},
				{writing(1, "SELECT batch()", "idle in transaction", 10*time.Millisecond, 0)},
			},
		},
		{
			name: "a short statement of an old transaction is none that takes long",
			looks: [][]writer{
				{writing(1, "INSERT", "active", time.Minute, time.Millisecond)},
				{writing(2, "INSERT", "active", time.Millisecond, time.Millisecond)},
			},
		},
		{
			name: "a short statement that was held up once",
			looks: [][]writer{
				{writing(1, "INSERT", "active", time.Second, time.Second)},
				{writing(1, "INSERT", "active", time.Millisecond, time.Millisecond)},
				{writing(2, "INSERT", "active", time.Millisecond, time.Millisecond)},
			},
		},
	} {
		l := longWriters{limit: limit, known: map[string]int{}}
		var got []int64
		for _, look := range c.looks {
			got = nil
			for _, w := range l.among(look) {
				got = append(got, w.PID)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Who was in the way of a lock is known as well, by the statement that takes long.
func TestWritersMetBefore(t *testing.T) {
	l := longWriters{limit: 200 * time.Millisecond, known: map[string]int{}}
	l.met(holder{Query: "SELECT batch()", State: "active", Age: 3})
	l.met(holder{Query: "INSERT", State: "active", Age: 0.1})
	l.met(holder{Query: "UPDATE", State: "idle in transaction", Age: 60})
	for statement, want := range map[string]int{"SELECT batch()": 1, "INSERT": 0, "UPDATE": 0} {
		if got := l.among([]writer{writing(1, statement, "active", time.Millisecond, time.Millisecond)}); len(got) != want {
			t.Errorf("%s: %v", statement, got)
		}
	}
}

// However many statements take long, those remembered are bounded, and an old
// transaction is one all the same.
func TestRememberedStatementsAreBounded(t *testing.T) {
	l := longWriters{limit: time.Second, known: map[string]int{}}
	for i := range 2 * knownLimit {
		if got := l.among([]writer{writing(1, fmt.Sprint("INSERT ", i), "active", time.Minute, time.Minute)}); len(got) != 1 {
			t.Fatalf("at statement %d: %v", i, got)
		}
	}
	if len(l.known) != knownLimit {
		t.Errorf("%d statements are remembered, want %d", len(l.known), knownLimit)
	}
}

// What writers.sql says of a session and of a prepared transaction.
func TestWritersAreRead(t *testing.T) {
	var got []writer
	err := json.Unmarshal([]byte(`[
		{"pid":7,"gid":null,"application":"loader","database":"shop","state":"active","statement":"SELECT batch()","lock":"advisory","transaction":14.5,"running":12.25},
		{"pid":null,"gid":"order-7","application":null,"database":"shop","state":null,"statement":null,"lock":"advisory","transaction":60,"running":0}]`), &got)
	if err != nil {
		t.Fatal(err)
	}
	want := []writer{
		{event.Holder{PID: 7, Application: "loader", Database: "shop", State: "active", Statement: "SELECT batch()", Lock: "advisory", Transaction: event.Duration(14500 * time.Millisecond)}, event.Duration(12250 * time.Millisecond)},
		{event.Holder{GID: "order-7", Database: "shop", Lock: "advisory", Transaction: event.Duration(time.Minute)}, 0},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
