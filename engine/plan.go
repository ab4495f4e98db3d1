package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"strconv"
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
	index     map[string]*step // all steps, those inside others too, by path
	steps     []*step
	overrides map[string]any
	count     int                            // steps, groups not counted
	again     func(*columns) syntax.Problems // checks it once more, with what a server has told
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
	node *syntax.Node // of the dsn
	dsn  *bound       // nil: the target
}

// step is one checked step. Exactly one of action and group is set.
type step struct {
	node   *syntax.Step
	path   string
	prefix int    // how much of path is that of the steps around
	title  *bound // string
	label  string // the title as far as it is known at load
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
	allowFailure bound // bool

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

// retry is how a failed step is tried again; limits makes its bounds.
type retry struct {
	attempts bound    // int; 0: no bound
	delay    bound    // time.Duration before the second attempt
	backoff  bound    // float64; each further delay is this many times longer
	maxDelay bound    // time.Duration
	limit    bound    // time.Duration; 0: no bound
	on       []string // SQLSTATEs and classes; nil: any failure whose outcome is known
}

// What holds where the runbook says nothing: no loop is without a rest.
const (
	retryDelay    = 250 * time.Millisecond
	retryMaxDelay = time.Minute
	repeatEvery   = time.Second
)

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

// digest identifies what the step says, whatever its layout.
func (s *step) digest() string { return digest(s.node.Node) }

func digest(n *syntax.Node) string {
	sum := sha256.Sum256(appendNode(make([]byte, 0, 1024), n)) // most steps fit
	return hex.EncodeToString(sum[:12])
}

func appendNode(b []byte, n *syntax.Node) []byte {
	b = strconv.AppendInt(b, int64(n.Kind), 10)
	b = append(append(append(b, ' '), n.Type.String()...), ' ')
	b = append(strconv.AppendQuote(b, n.Text), '\n')
	for _, item := range n.Items {
		b = appendNode(b, item)
	}
	for _, f := range n.Fields {
		b = appendNode(appendNode(b, f.Key), f.Value)
	}
	return append(b, ".\n"...)
}

func (s *step) markTagged() {
	s.tagged = true
	for _, in := range s.inner() {
		in.markTagged()
	}
}
