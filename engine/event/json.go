package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
	"unicode"
)

// all lists one value of every event type; it is what decoding knows.
func all() []Event {
	return []Event{
		RunStarted{},
		RunFinished{},
		SetupStarted{},
		SetupFinished{},
		StepStarted{},
		StepFinished{},
		StepSkipped{},
		StepRetrying{},
		StepRepeating{},
		StatementStarted{},
		StatementFinished{},
		Committing{},
		Notice{},
		Progress{},
		Instruction{},
		Sighting{},
		WindowClosed{},
		GuardHeld{},
		GuardEnded{},
		Shown{},
		Measured{},
		LoadMeasured{},
		ObligationOpened{},
		ObligationClosed{},
		Warning{},
	}
}

// Name is the event's name in JSON: StepStarted is "step_started".
func Name(e Event) string {
	return snake(reflect.TypeOf(e).Name())
}

// Names lists the names of all events. A test of a sink can make a record of
// each and see that none is passed over by mistake.
func Names() []string {
	var names []string
	for _, e := range all() {
		names = append(names, Name(e))
	}
	return names
}

func snake(s string) string {
	out := make([]rune, 0, len(s)+4)
	for i, r := range s {
		if unicode.IsUpper(r) && i > 0 {
			out = append(out, '_')
		}
		out = append(out, unicode.ToLower(r))
	}
	return string(out)
}

// head is what every record has; the event's own fields follow in the same
// object, so that `jq 'select(.event == "step_finished") | .duration'` works.
type head struct {
	Seq   int       `json:"seq"`
	Time  time.Time `json:"time"`
	Event string    `json:"event"`
}

// MarshalJSON writes the record as one flat object without line breaks.
func (r Record) MarshalJSON() ([]byte, error) {
	first, err := json.Marshal(head{r.Seq, r.Time, Name(r.Event)})
	if err != nil {
		return nil, fmt.Errorf("write record %d: %w", r.Seq, err)
	}
	rest, err := json.Marshal(r.Event)
	if err != nil {
		return nil, fmt.Errorf("write record %d (%s): %w", r.Seq, Name(r.Event), err)
	}
	if bytes.Equal(rest, []byte("{}")) {
		return first, nil
	}
	out := append(first[:len(first)-1], ',')
	return append(out, rest[1:]...), nil
}

// UnmarshalJSON reads what MarshalJSON wrote. An event name that it does not
// know is an error, since a journal from a newer version may hold facts that
// must not be passed over.
func (r *Record) UnmarshalJSON(b []byte) error {
	var h head
	if err := json.Unmarshal(b, &h); err != nil {
		return fmt.Errorf("read record: %w", err)
	}
	for _, e := range all() {
		if Name(e) != h.Event {
			continue
		}
		p := reflect.New(reflect.TypeOf(e))
		if err := json.Unmarshal(b, p.Interface()); err != nil {
			return fmt.Errorf("read record %d (%s): %w", h.Seq, h.Event, err)
		}
		*r = Record{h.Seq, h.Time, p.Elem().Interface().(Event)}
		return nil
	}
	return fmt.Errorf("read record %d: unknown event %q", h.Seq, h.Event)
}
