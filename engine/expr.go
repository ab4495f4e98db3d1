package engine

import (
	"fmt"
	"reflect"

	"runbook/engine/event"
)

// Expr is a field that the action evaluates itself, when and as often as it
// likes. The runbook's names have the values they had when the step began.
type Expr[T any] struct {
	program *program
	values  map[string]any
}

// Set says whether the runbook has the field.
func (e Expr[T]) Set() bool { return e.program != nil }

// Text is the expression as written.
func (e Expr[T]) Text() string { return e.program.text }

// Eval evaluates the expression; extra are the names that ExprNames promised.
func (e Expr[T]) Eval(extra Names) (T, error) {
	var zero T
	v, err := e.program.run(e.env(extra))
	if err != nil {
		return zero, err
	}
	if v == nil {
		if reflect.TypeFor[T]().Kind() == reflect.Interface {
			return zero, nil
		}
		return zero, e.program.fault(0, fmt.Sprintf("%s is nothing (NULL), want %s", e.program.text, kindName(reflect.TypeFor[T]())))
	}
	out, ok := v.(T)
	if !ok {
		return zero, e.program.fault(0, fmt.Sprintf("%s is %s, want %s", e.program.text, typeName(v), kindName(reflect.TypeFor[T]())))
	}
	return out, nil
}

// Operands are the values that decide the expression, for a message.
func (e Expr[T]) Operands(extra Names) []event.Operand {
	return e.program.operands(e.env(extra))
}

// Fault is an error at the expression's place.
func (e Expr[T]) Fault(message string) error { return e.program.fault(0, message) }

func (e Expr[T]) env(extra Names) map[string]any {
	if len(extra) == 0 {
		return e.values
	}
	env := make(map[string]any, len(e.values)+len(extra))
	for k, v := range e.values {
		env[k] = v
	}
	for k, v := range extra {
		env[k] = v
	}
	return env
}

func (e *Expr[T]) bind(p *program, values map[string]any) { e.program, e.values = p, values }
func (e *Expr[T]) want() reflect.Type                     { return reflect.TypeFor[T]() }

// exprField is every Expr, whatever it evaluates to.
type exprField interface {
	bind(*program, map[string]any)
	want() reflect.Type
}
