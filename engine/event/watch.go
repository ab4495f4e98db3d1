package event

// Sighting opens a window: the first sample of a probe in a row that its
// condition held for. In a window that is open it tells of who else waits.
type Sighting struct {
	Step      Step       `json:"step"`
	Probe     string     `json:"probe"`
	Text      string     `json:"text"` // what was seen, one line
	Conflicts []Conflict `json:"conflicts,omitempty"`
}

// Conflict is one session waiting for another, taken in one sample.
type Conflict struct {
	BlockedPID    int64    `json:"blocked_pid"`
	BlockedApp    string   `json:"blocked_app"`
	BlockedQuery  string   `json:"blocked_query"`
	BlockingPID   int64    `json:"blocking_pid"`
	BlockingApp   string   `json:"blocking_app"`
	BlockingState string   `json:"blocking_state"`
	BlockingQuery string   `json:"blocking_query"`
	BlockingMode  string   `json:"blocking_mode,omitempty"`
	BlockingAge   Duration `json:"blocking_age,omitempty"` // of its transaction
	Queued        bool     `json:"queued,omitempty"`       // the blocking session waits for that mode itself
	Relation      string   `json:"relation,omitempty"`
	Mode          string   `json:"mode,omitempty"`
	WaitEvent     string   `json:"wait_event"`
	Waiting       Duration `json:"waiting"`
	BlockedGPID   int64    `json:"blocked_gpid,omitempty"` // of Citus
	BlockingGPID  int64    `json:"blocking_gpid,omitempty"`
	Node          string   `json:"node,omitempty"` // host:port of a worker, where the wait is there
}

// WindowClosed ends a window: a sample without a sighting came, or the watch
// ended while it was open.
type WindowClosed struct {
	Step     Step     `json:"step"`
	Probe    string   `json:"probe"`
	Duration Duration `json:"duration"`         // from where it is known to have begun to the last sighting
	Margin   Duration `json:"margin,omitempty"` // how much longer it may have been
	Samples  int      `json:"samples"`
	Open     bool     `json:"open,omitempty"` // it had not ended when the watch did
}

// GuardHeld says that a condition about watched steps holds: abort_if cancels
// them, pause_if keeps the next from beginning.
type GuardHeld struct {
	Step      Step      `json:"step"`
	Guard     string    `json:"guard"`
	Early     bool      `json:"early,omitempty"` // before a step had begun
	Condition string    `json:"condition"`
	Operands  []Operand `json:"operands,omitempty"`
	Undecided string    `json:"undecided,omitempty"` // why it could not be decided, which counts as abort_if
}

// GuardEnded follows a GuardHeld: the statement of the aborted steps has stopped,
// or the next step may begin. Duration is the time since the condition was seen to
// hold, for pause_if since a step was first kept.
type GuardEnded struct {
	Step     Step     `json:"step"`
	Guard    string   `json:"guard"`
	Duration Duration `json:"duration"`
}
