package event

// Progress is a sign of life of a long step. Of a number that is not known there
// is none.
type Progress struct {
	Step         Step     `json:"step"`
	Table        string   `json:"table,omitempty"` // that is worked on, its full name
	Phase        string   `json:"phase"`
	Done         int64    `json:"done,omitempty"` // of things that are counted one by one
	Total        int64    `json:"total,omitempty"`
	Unit         string   `json:"unit,omitempty"`
	Elapsed      Duration `json:"elapsed"`
	PhaseElapsed Duration `json:"phase_elapsed,omitempty"`

	RowsDone      int64    `json:"rows_done,omitempty"`
	RowsTotal     int64    `json:"rows_total,omitempty"`
	BytesDone     int64    `json:"bytes_done,omitempty"`
	BytesTotal    int64    `json:"bytes_total,omitempty"`
	RowsPerSecond float64  `json:"rows_per_second,omitempty"` // of late
	Remaining     Duration `json:"remaining,omitempty"`       // at that pace
	LagBytes      int64    `json:"lag_bytes,omitempty"`       // of WAL that is still to be replayed
	Estimated     []string `json:"estimated,omitempty"`       // which of these fields are estimates
	AtLeast       bool     `json:"at_least,omitempty"`        // more is done than could be seen

	Still      Duration `json:"still,omitempty"`       // for how long nothing has moved
	WaitingFor []Holder `json:"waiting_for,omitempty"` // who is in the way, the oldest transaction first
}

// Holder is a transaction that holds the lock that something waits for. A
// prepared one has a GID and no session.
type Holder struct {
	PID         int64    `json:"pid,omitempty"`
	GID         string   `json:"gid,omitempty"`
	Node        string   `json:"node,omitempty"` // host:port of a worker, where it is there
	Application string   `json:"application,omitempty"`
	Database    string   `json:"database,omitempty"`
	State       string   `json:"state,omitempty"`
	Statement   string   `json:"statement,omitempty"`
	Relation    string   `json:"relation,omitempty"` // the table of the lock, if it is one of a table
	Mode        string   `json:"mode,omitempty"`     // the lock mode that is waited for
	Lock        string   `json:"lock,omitempty"`     // what is locked: relation, transactionid, advisory, …
	Transaction Duration `json:"transaction"`        // how old the transaction is
	Waiting     Duration `json:"waiting"`            // how long it has been waited for
}
