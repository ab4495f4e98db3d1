package syntax

// Runbook is the tree of one file. Absent parts are nil or empty; after
// problems it holds what could be read.
type Runbook struct {
	File        string
	Source      *Source
	Digest      string // SHA-256 of the file, in hex
	Whole       bool   // all of the file could be read
	Name        *Node
	Summary     *Node
	Vars        []Field
	Queries     []Query
	Connections []Connection
	Secrets     []*Node
	Sandbox     *Sandbox
	Steps       []*Step
}

// Query is a named SQL text of `queries`.
type Query struct {
	Name  *Node
	Title *Node // nil: the name serves
	SQL   *Node
	Args  []*Node // expressions for $1, $2, …
}

// Connection is an entry of `connections`: a further session, on the target or
// wherever its dsn leads.
type Connection struct {
	Name *Node
	DSN  *Node // nil: the target
}

// Sandbox is what a rehearsal needs.
type Sandbox struct {
	Workers *Node
	Setup   *Node // file name, relative to the runbook's
	Vars    []Field
}

// Step is one entry of `steps`.
type Step struct {
	Node         *Node // the whole mapping
	ID           *Node
	Name         *Node
	When         *Node
	Register     *Register
	Connection   *Node
	Settings     []Field
	Timeout      *Node
	Retry        *Retry
	Repeat       *Repeat
	ForEach      *Field // the loop's name and its list
	Tags         []*Node
	AllowFailure *Node
	Actions      []Field // every key that is no key of a step; a good step has exactly one, or Group
	Group        *Group
}

// Pos is where the step begins.
func (s *Step) Pos() Pos { return s.Node.Pos }

// Part says which part of an SQL result `register` names.
type Part string

const (
	PartAuto Part = ""     // the one value for sql, the whole result for other actions
	PartRow  Part = "row"  // the one row
	PartRows Part = "rows" // all rows
)

// Register is `register: x`, `register: {row: x}` or `register: {rows: x}`.
type Register struct {
	Part Part
	Name *Node
}

// Retry bounds how often and how long a failed step is tried again. Absent
// bounds are nil.
type Retry struct {
	Node                              *Node
	Attempts, Delay, Backoff, MaxWait *Node
	For                               *Node
	On                                []*Node
}

// Repeat runs a step again until an expression holds.
type Repeat struct {
	Node              *Node
	Until, Every, For *Node
}

// Group is a step made of steps.
type Group struct {
	Title     *Node
	Steps     []*Step
	Rescue    []*Step
	Recovered bool // rescue: {recovered: true, …}: a rescued group did not fail
	Always    []*Step
}
