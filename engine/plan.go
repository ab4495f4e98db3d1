package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"reflect"
	"time"

	"runbook/engine/syntax"
)

// Plan is a checked runbook, ready to run.
type Plan struct {
	Name      string
	Summary   string
	File      string
	Digest    string
	Workers   int      // what a sandbox of it has
	Setup     string   // the runbook that builds its starting point, "" for none
	Secrets   []string // names of variables and of environment variables
	vars      []variable
	conns     []connection
	steps     []*step
	overrides map[string]any
	count     int // steps, groups not counted
}

// variable is an entry of vars.
type variable struct {
	node    *syntax.Node // its name
	typ     reflect.Type // nil: whatever comes
	value   valueSource
	sandbox *valueSource // what it is in a rehearsal
}

// connection is an entry of connections.
type connection struct {
	name string
	dsn  *bound // nil: the target
}

// step is one checked step. Exactly one of action and group is set.
type step struct {
	node   *syntax.Step
	path   string
	prefix int    // how much of path is that of the steps around
	title  *bound // string
	label  string // the title as far as it is known at load
	digest string
	tags   []string
	tagged bool // a step around it has a tag that was asked for

	when         *program
	loop         *loop
	repeat       *repeat
	retry        *retry
	timeout      *bound // time.Duration
	settings     []setting
	connection   string
	register     *syntax.Register
	allowFailure bool

	action *Action
	args   bound
	group  *group
}

type loop struct {
	name string
	list *program
}

type repeat struct {
	until *program
	every bound // time.Duration
	limit bound // time.Duration
}

type retry struct {
	attempts int           // 0: no bound
	delay    time.Duration // before the second attempt
	backoff  float64       // each further delay is this many times longer
	maxDelay time.Duration
	limit    time.Duration   // 0: no bound
	on       map[string]bool // SQLSTATEs; nil: any failure whose outcome is known
}

type setting struct {
	name  string
	value bound // string
	node  *syntax.Node
}

type group struct {
	steps     []*step
	rescue    []*step
	recovered bool
	always    []*step
}

// Steps is how many steps the plan has, those inside groups and actions
// included and groups not counted.
func (p *Plan) Steps() int { return p.count }

// digest identifies what a step says, whatever its layout.
func digest(n *syntax.Node) string {
	h := sha256.New()
	writeNode(h, n)
	return hex.EncodeToString(h.Sum(nil)[:12])
}

func writeNode(w io.Writer, n *syntax.Node) {
	fmt.Fprintf(w, "%d %s %q\n", n.Kind, n.Type, n.Text)
	for _, item := range n.Items {
		writeNode(w, item)
	}
	for _, f := range n.Fields {
		writeNode(w, f.Key)
		writeNode(w, f.Value)
	}
	io.WriteString(w, ".\n")
}

func (s *step) markTagged() {
	s.tagged = true
	for _, in := range s.inner() {
		in.markTagged()
	}
}
