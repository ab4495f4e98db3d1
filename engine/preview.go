package engine

import (
	"runbook/engine/event"
	"runbook/engine/postgres"
)

// Preview is what a plan would do to a target, found out without changing
// anything. Its JSON is a format that scripts can rely on.
type Preview struct {
	Runbook string        `json:"runbook"`
	File    string        `json:"file"`
	Digest  string        `json:"digest"`
	Target  *TargetInfo   `json:"target"` // null: none was asked, so state and preflight are unknown
	Ready   bool          `json:"ready"`  // no finding but those that earlier steps may repair
	Count   int           `json:"step_count"`
	Steps   []StepPreview `json:"steps"`
}

// TargetInfo is the database that was asked.
type TargetInfo struct {
	Address  string `json:"address"`
	Database string `json:"database"`
	Server   string `json:"server"`
	Engine   string `json:"engine"` // citus, stand-in or postgresql
	Label    string `json:"engine_label,omitempty"`
}

// Decision says whether a step would run.
type Decision string

// The decisions of a plan about a step.
const (
	WillRun   Decision = "run"
	WillSkip  Decision = "skip"
	Holds     Decision = "holds"      // what it would do is done already
	Depends   Decision = "depends"    // on what is known when it runs
	OnFailure Decision = "on-failure" // a step of a rescue
)

// StepPreview is one step of a Preview; a group has steps.
type StepPreview struct {
	Number    string      `json:"number"` // as a person counts: 2.1
	Path      string      `json:"path"`   // as the events of a run have it
	ID        string      `json:"id,omitempty"`
	Title     string      `json:"title"`
	Action    string      `json:"action"` // group for a group
	Place     event.Place `json:"place"`
	Decision  Decision    `json:"decision"`
	Reason    string      `json:"reason,omitempty"`
	DependsOn []string    `json:"depends_on,omitempty"`
	Registers string      `json:"registers,omitempty"`
	Forecast
	Steps []StepPreview `json:"steps,omitempty"`
}

// Forecast is what an action says it would do.
type Forecast struct {
	Kind       Effect              `json:"kind,omitempty"`
	Locks      []LockForecast      `json:"locks,omitempty"`
	Opaque     bool                `json:"opaque,omitempty"` // a function does what the text does not tell
	Undo       string              `json:"undo,omitempty"`
	Holds      string              `json:"-"` // why there is nothing to do, "" when there is
	Statements []StatementForecast `json:"statements,omitempty"`
	Notes      []string            `json:"notes,omitempty"`
	Findings   []Finding           `json:"findings,omitempty"`
}

// Effect is the strongest thing that a step does.
type Effect string

// The effects of steps, the weakest first.
const (
	EffectSession   Effect = "session"           // touches only the session
	EffectRead      Effect = "read"              // changes nothing
	EffectWrite     Effect = "write"             // changes data
	EffectDDL       Effect = "DDL"               // changes the schema, in a transaction
	EffectPermanent Effect = "not transactional" // cannot be rolled back
	EffectUnknown   Effect = "unknown"           // its text is known when it runs
)

// LockForecast is a lock on a table that a step is expected to take.
type LockForecast struct {
	Table string            `json:"table"`
	Mode  postgres.LockMode `json:"mode"`
	Note  string            `json:"note,omitempty"` // for how long, who waits
}

// StatementForecast is a statement that would be sent. Where a value is known
// when it runs, the text has its ${…}.
type StatementForecast struct {
	SQL       string   `json:"sql"`
	Kind      Effect   `json:"kind"`
	DependsOn []string `json:"depends_on,omitempty"`
}

// Finding is one reason why a step would fail, with what to do. RepairedBy is
// the number of an earlier step that may see to it; which that is, Words tell:
// each is a group of words that all stand in a statement which does.
//
// Common says that it is about the servers, so that several steps have it: equal
// texts on one connection are one finding. The first step has it in full, and in
// those after it SameAs is that step's number.
type Finding struct {
	What       string   `json:"what"`
	Fix        string   `json:"fix,omitempty"`
	RepairedBy string   `json:"may_be_repaired_by,omitempty"`
	SameAs     string   `json:"same_as,omitempty"`
	Words      []string `json:"-"`
	Common     string   `json:"-"`
}

// Open are the findings that nothing in the plan may repair, with the steps
// they belong to.
func (p *Preview) Open() []StepPreview {
	var out []StepPreview
	p.Walk(func(s StepPreview) {
		if len(s.openFindings()) > 0 {
			out = append(out, s)
		}
	})
	return out
}

func (s StepPreview) openFindings() []Finding {
	var out []Finding
	for _, f := range s.Findings {
		if f.RepairedBy == "" && s.Decision != OnFailure {
			out = append(out, f)
		}
	}
	return out
}

// Walk visits every step, those inside others after them.
func (p *Preview) Walk(visit func(StepPreview)) { walkPreview(p.Steps, visit) }

func walkPreview(list []StepPreview, visit func(StepPreview)) {
	for _, s := range list {
		visit(s)
		walkPreview(s.Steps, visit)
	}
}
