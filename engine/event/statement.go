package event

// StatementStarted is emitted for statements that can change something, before
// they are sent.
type StatementStarted struct {
	Step       Step   `json:"step"`
	Connection string `json:"connection"`
	PID        uint32 `json:"pid"`
	SQL        string `json:"sql"`
}

// StatementFinished is emitted for every statement of a step's own
// connections, after its answer came.
type StatementFinished struct {
	Step       Step     `json:"step"`
	Connection string   `json:"connection"`
	PID        uint32   `json:"pid"`
	SQL        string   `json:"sql"`
	Tag        string   `json:"tag,omitempty"`
	Rows       int64    `json:"rows"`
	Affected   int64    `json:"affected"`
	Duration   Duration `json:"duration"`
	Error      string   `json:"error,omitempty"`
	SQLState   string   `json:"sqlstate,omitempty"`
}

// Committing comes before the COMMIT of a transaction that has changed
// something. XID is its pg_current_xact_id(): should the answer never come,
// pg_xact_status(XID) tells whether it was committed.
type Committing struct {
	Step       Step   `json:"step"`
	Connection string `json:"connection"`
	PID        uint32 `json:"pid"`
	XID        string `json:"xid"`
}
