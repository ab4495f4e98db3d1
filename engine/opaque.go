package engine

import (
	"reflect"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/types"
)

// opaque is the type of values that expr-lang is to take for any, since it cannot
// compute with them, and of which exact knows what they compare with: a numeric is
// a decimal, or a float for NaN; an interval is a duration, or one with months.
type opaque struct{ like reflect.Type }

var _ types.Type = opaque{}

// Nature is that of any, whose Ref means nothing to expr-lang. It goes along with
// the value through fields, elements and let.
func (o opaque) Nature() nature.Nature {
	return nature.Nature{Ref: &nature.Nature{Type: o.like, Kind: o.like.Kind()}}
}

// Equal is part of types.Type.
func (o opaque) Equal(t types.Type) bool { return t == types.Any || t == types.Type(o) }

func (o opaque) String() string { return o.like.String() }

// nodeTypeOf is the type of a node's values as far as it is known.
func nodeTypeOf(n ast.Node) reflect.Type {
	if have := n.Nature(); have.Type == nil && have.Ref != nil {
		return have.Ref.Type
	}
	return n.Type()
}
