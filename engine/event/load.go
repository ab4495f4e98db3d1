package event

import "time"

// LoadMeasured is how the loads beside watched steps fared.
type LoadMeasured struct {
	Step  Step           `json:"step"`
	Loads []MeasuredLoad `json:"loads"`
}

// MeasuredLoad is one load of a LoadMeasured.
type MeasuredLoad struct {
	Load       string         `json:"load"`
	Phases     []MeasuredTime `json:"phases"` // those in which anything was executed, in order
	Errors     []LoadError    `json:"errors,omitempty"`
	Unsent     int            `json:"unsent,omitempty"` // were due and never sent
	Reconnects int            `json:"reconnects,omitempty"`
}

// MeasuredTime is how a load fared in a part of the time. Latencies are those of
// executions that ended well.
type MeasuredTime struct {
	Phase     string    `json:"phase"` // before, during, in windows, after
	N         int       `json:"n"`     // executions that ended well
	TPS       float64   `json:"tps"`
	P50       Duration  `json:"p50"`
	P95       Duration  `json:"p95"`
	P99       Duration  `json:"p99"`
	Max       Duration  `json:"max"`
	Stall     Duration  `json:"stall"` // the longest time in which nothing ended well
	StalledAt time.Time `json:"stalled_at,omitzero"`
	Errors    int       `json:"errors"`
}

// LoadError is the failures of a load with one SQLSTATE, and the first of them.
type LoadError struct {
	SQLState  string    `json:"sqlstate"`  // or connection or expression, where the server said none
	Condition string    `json:"condition"` // its name, PostgreSQL's where it is an SQLSTATE
	N         int       `json:"n"`
	During    int       `json:"during"` // of them while the steps ran
	First     time.Time `json:"first"`
	Message   string    `json:"message"` // of the first
	Detail    string    `json:"detail,omitempty"`
}
