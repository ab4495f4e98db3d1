// Package event says what can happen in a run. Events are the only output of
// the engine: the terminal, the JSON lines, the journal and every report are
// made from them and from nothing else.
//
// The package knows no step, action or database; it holds the types, the
// stream that numbers them, the mask that hides secrets, and their JSON form.
package event

import (
	"encoding/json"
	"time"
)

// Event is one thing that happened. The set is sealed: a sink can switch over
// it and be told by a test when it misses one.
type Event interface{ event() }

// Record is an event with its number in the run, counted from 1, and the time
// it happened.
type Record struct {
	Seq   int
	Time  time.Time
	Event Event
}

// Sink takes the records of a run, one at a time and in order. Its first error
// stops the run before its next step.
type Sink interface {
	Write(Record) error
}

// Status is how a step or a run ended.
type Status string

const (
	Done        Status = "done"
	Failed      Status = "failed"
	Skipped     Status = "skipped"     // its condition did not hold, or its tag was not asked for
	NotReached  Status = "not reached" // an earlier step failed
	Unknown     Status = "unknown"     // the connection was lost: it may or may not have happened
	Interrupted Status = "interrupted" // a person or a signal stopped it
)

// RunStarted is the first record of every run.
type RunStarted struct {
	Version     int                        `json:"version"` // of the record format; see Version
	Run         string                     `json:"run"`
	Runbook     string                     `json:"runbook"`
	File        string                     `json:"file"`
	Digest      string                     `json:"digest"` // SHA-256 of the file
	Target      string                     `json:"target"` // user@host:port/database
	Database    string                     `json:"database"`
	SystemID    string                     `json:"system_id"`          // pg_control_system().system_identifier
	Instance    string                     `json:"instance,omitempty"` // cluster_name, tells sandboxes of one template apart
	Server      string                     `json:"server"`             // "PostgreSQL 15.20"
	Engine      string                     `json:"engine"`             // citus, stand-in or postgresql
	EngineLabel string                     `json:"engine_label"`       // "Citus 13.2.2", or what the stand-in says of itself
	Sandbox     bool                       `json:"sandbox"`
	Vars        map[string]json.RawMessage `json:"vars,omitempty"`
	Tags        []string                   `json:"tags,omitempty"`
	From        string                     `json:"from,omitempty"`
	Resumed     bool                       `json:"resumed,omitempty"` // goes on with what earlier records tell
	Steps       int                        `json:"steps"`             // how many the runbook has, groups not counted
}

// Version is the format of the records, kept in RunStarted.
const Version = 1

// RunFinished is the last record of a run that was not killed.
type RunFinished struct {
	Status     Status       `json:"status"`
	Duration   Duration     `json:"duration"`
	Done       int          `json:"done"`
	Failed     int          `json:"failed"`
	Skipped    int          `json:"skipped"`
	NotReached int          `json:"not_reached"`
	Retried    int          `json:"retried"`
	Open       []Obligation `json:"open,omitempty"` // ledger entries that nobody closed
	Left       []Left       `json:"left,omitempty"` // steps that were cut short, with what is known of them
	Failure    *Failure     `json:"failure,omitempty"`
}

// Left is a step that a run leaves neither done nor untouched. Each of its
// statements that can change something is in one of the lists; those that a load
// or a benchmark sends are not on record and in none.
type Left struct {
	Step    Step               `json:"step"`
	Title   string             `json:"title"`
	Cut     bool               `json:"cut,omitempty"`     // a person, a timeout or an abort_if stopped it in the middle
	Lost    bool               `json:"lost,omitempty"`    // its connection was lost
	Reads   bool               `json:"reads,omitempty"`   // it cannot change anything
	Done    []string           `json:"done,omitempty"`    // happened, and stay
	Undone  []string           `json:"undone,omitempty"`  // were refused or rolled back
	Broken  []string           `json:"broken,omitempty"`  // ended early and may have left something: they commit as they go
	Unknown []StatementStarted `json:"unknown,omitempty"` // were never answered

	// Committing says that the answer to the COMMIT of its transaction never came;
	// a resumed run asks the server what became of it.
	Committing bool `json:"committing,omitempty"`
}

// SetupStarted and SetupFinished enclose the records of the runbook that
// builds a sandbox's starting point.
type SetupStarted struct {
	Runbook string `json:"runbook"`
	File    string `json:"file"`
}

type SetupFinished struct {
	Status   Status   `json:"status"`
	Duration Duration `json:"duration"`
}

// Step names one execution of a step: its path in the runbook and, inside
// loops, which turn it is: "backfill#3/2", "add-workers[1]".
type Step = string

// Place is where in a file something stands; Line and Col count from 1, Col in
// characters.
type Place struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Col  int    `json:"col"`
}

// StepStarted comes before anything a step does. When Changes is set it is on
// disk before the step's first statement is sent.
type StepStarted struct {
	Step    Step   `json:"step"`
	ID      string `json:"id,omitempty"`
	Title   string `json:"title"`
	Action  string `json:"action"` // "group" for a group
	Depth   int    `json:"depth"`  // how many groups and watched steps enclose it
	Place   Place  `json:"place"`
	Digest  string `json:"digest"` // of the step's text, so that an edited step is known again
	Changes bool   `json:"changes"`
	Attempt int    `json:"attempt,omitempty"` // 2 and up after a retry

	// Continues says that a resumed run goes on with what this step has done.
	Continues bool `json:"continues,omitempty"`
}

// StepFinished closes a StepStarted. Result is the action's typed result,
// Registered what `register` put into scope.
type StepFinished struct {
	Step       Step                       `json:"step"`
	Title      string                     `json:"title"`
	Action     string                     `json:"action"`
	Depth      int                        `json:"depth"`
	Status     Status                     `json:"status"`
	Duration   Duration                   `json:"duration"`
	Summary    string                     `json:"summary,omitempty"` // one line for a person
	Result     json.RawMessage            `json:"result,omitempty"`
	Registered map[string]json.RawMessage `json:"registered,omitempty"`
	Allowed    bool                       `json:"allowed,omitempty"` // it failed and allow_failure let the run go on
	Failure    *Failure                   `json:"failure,omitempty"`
}

// StepSkipped says that a step did not run and why; Status is Skipped or
// NotReached.
type StepSkipped struct {
	Step   Step   `json:"step"`
	Title  string `json:"title"`
	Action string `json:"action"`
	Depth  int    `json:"depth"`
	Status Status `json:"status"`
	Reason string `json:"reason"`
}

// StepRetrying says that an attempt failed and another will be made.
type StepRetrying struct {
	Step    Step     `json:"step"`
	Attempt int      `json:"attempt"` // the one that failed, from 1
	Delay   Duration `json:"delay"`
	Failure *Failure `json:"failure"`
}

// StepRepeating says that a repeated step's `until` did not hold yet.
type StepRepeating struct {
	Step      Step      `json:"step"`
	Iteration int       `json:"iteration"` // the one that ended, from 1
	Delay     Duration  `json:"delay"`
	Until     string    `json:"until"`
	Operands  []Operand `json:"operands,omitempty"`
}

// Operand is a part of an expression with the value it had.
type Operand struct {
	Text  string `json:"text"`
	Value string `json:"value"`
}

// Failure is why something did not work, as facts that a report can lay out.
type Failure struct {
	Message    string    `json:"message"`
	SQLState   string    `json:"sqlstate,omitempty"`
	Condition  string    `json:"condition,omitempty"` // PostgreSQL's name of the SQLSTATE
	Detail     string    `json:"detail,omitempty"`
	Hint       string    `json:"hint,omitempty"`
	Context    string    `json:"context,omitempty"`
	Statement  string    `json:"statement,omitempty"`
	Connection string    `json:"connection,omitempty"`
	Place      *Place    `json:"place,omitempty"`
	Excerpt    string    `json:"excerpt,omitempty"` // source lines with a caret, ready to print
	Operands   []Operand `json:"operands,omitempty"`
	Notes      []string  `json:"notes,omitempty"` // the state that was left, the next command
	Unknown    bool      `json:"unknown,omitempty"`
}

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

// Notice is a NOTICE, WARNING or LOG message of the server.
type Notice struct {
	Step       Step   `json:"step"`
	Connection string `json:"connection"`
	Severity   string `json:"severity"`
	SQLState   string `json:"sqlstate"`
	Message    string `json:"message"`
	Detail     string `json:"detail,omitempty"`
	Hint       string `json:"hint,omitempty"`
}

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

// Instruction asks a person to do something outside the database.
type Instruction struct {
	Step Step   `json:"step"`
	For  string `json:"for"`
	Tell string `json:"tell"`
}

// Sighting opens a window: the first sample of a probe in a row that its
// condition held for. In a window that is open it tells of who else waits.
type Sighting struct {
	Step      Step       `json:"step"`
	Probe     string     `json:"probe"`
	Text      string     `json:"text"` // what was seen, one line
	Conflicts []Conflict `json:"conflicts,omitempty"`
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

// Shown are rows that a step was asked to show, as psql would write the values.
type Shown struct {
	Step    Step       `json:"step"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
	More    int64      `json:"more,omitempty"` // rows beyond these
}

// Measured is a benchmark's stage, with the earlier stages of the same queries
// beside it, oldest first, so that a table can be printed at once.
type Measured struct {
	Step   Step            `json:"step"`
	Stages []string        `json:"stages"`
	Rows   []MeasuredQuery `json:"rows"`
}

// MeasuredQuery is one query over the stages of a Measured, in their order.
type MeasuredQuery struct {
	Query string         `json:"query"`
	Title string         `json:"title"`
	Cells []MeasuredCell `json:"cells"`
}

// MeasuredCell is one query at one stage. Ratio, PValue and Verdict compare it
// with the first stage and are empty there.
type MeasuredCell struct {
	N       int      `json:"n"`
	Median  Duration `json:"median"`
	Low     Duration `json:"low"` // bounds of the median's 95 % confidence interval
	High    Duration `json:"high"`
	Ratio   float64  `json:"ratio,omitempty"`
	PValue  float64  `json:"p_value,omitempty"`
	Verdict string   `json:"verdict,omitempty"` // faster, slower, same, unknown
}

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

// Obligation is a ledger entry: something that a run took away and owes.
type Obligation struct {
	ID         string `json:"id"`    // "foreign key orders_store_id_fkey on public.orders"
	Table      string `json:"table"` // schema-qualified, quoted where needed
	Name       string `json:"name"`
	References string `json:"references,omitempty"` // the other table, likewise
	Restore    string `json:"restore"`              // the full statement that brings it back
	Connection string `json:"connection,omitempty"` // the runbook's, where it leads to another database than main

	// Column is the one whose dropping takes it along: it can come back only if a
	// column of that name does.
	Column *Column `json:"column,omitempty"`
}

// Column names a column of a table, which is schema-qualified and quoted where
// needed.
type Column struct {
	Table string `json:"table"`
	Name  string `json:"name"`
}

func (c Column) String() string { return c.Table + "." + c.Name }

// ObligationOpened is on disk before the object is dropped.
type ObligationOpened struct {
	Step       Step       `json:"step"`
	Obligation Obligation `json:"obligation"`
}

// ObligationClosed says that the object was seen in the catalog again, or that
// a person gave it up.
type ObligationClosed struct {
	Step   Step   `json:"step"`
	ID     string `json:"id"`
	Waived bool   `json:"waived,omitempty"` // given up for good
}

// Warning is something a person should know that failed nothing.
type Warning struct {
	Step Step   `json:"step,omitempty"`
	Text string `json:"text"`
}

func (RunStarted) event()        {}
func (RunFinished) event()       {}
func (SetupStarted) event()      {}
func (SetupFinished) event()     {}
func (StepStarted) event()       {}
func (StepFinished) event()      {}
func (StepSkipped) event()       {}
func (StepRetrying) event()      {}
func (StepRepeating) event()     {}
func (StatementStarted) event()  {}
func (StatementFinished) event() {}
func (Committing) event()        {}
func (Notice) event()            {}
func (Progress) event()          {}
func (Instruction) event()       {}
func (Sighting) event()          {}
func (WindowClosed) event()      {}
func (GuardHeld) event()         {}
func (GuardEnded) event()        {}
func (Shown) event()             {}
func (Measured) event()          {}
func (LoadMeasured) event()      {}
func (ObligationOpened) event()  {}
func (ObligationClosed) event()  {}
func (Warning) event()           {}
