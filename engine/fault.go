package engine

import (
	"runbook/engine/event"
	"runbook/engine/syntax"
)

// Fault is an error in an expression or a template while it is evaluated.
type Fault struct {
	Message  string
	Place    event.Place
	Excerpt  string
	Operands []event.Operand
}

func (f *Fault) Error() string { return f.Message }

func faultAt(n *syntax.Node, offset int, message string) *Fault {
	pos, _ := n.PosAt(offset)
	return &Fault{Message: message, Place: placeOf(pos), Excerpt: n.Source().Excerpt(pos, 1, "")}
}

func placeOf(p syntax.Pos) event.Place { return event.Place{File: p.File, Line: p.Line, Col: p.Col} }
