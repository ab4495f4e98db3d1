package event

import "encoding/json"

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
