package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"runbook/engine/syntax"
)

// Runner is an action: a struct of typed arguments that can run. The engine
// makes a fresh value for every execution, its plain fields evaluated; it never
// sees YAML or scopes.
//
// The exported fields are the action's arguments, named in snake case. The tag
// `arg` refines one: a first word renames it, `required` says that it must be
// there, `main` that a bare value stands for it (sql: SELECT 1), `label` that it names a step
// without a name, `file` that the SQL is in the file of that name. The tag
// `enum:"a|b"` lists the values a text may have, `default:"20"` what holds when
// it is absent. The doc comments of the struct and its fields are the reference
// page and the descriptions of the schema.
//
// Fields have these types: string, int, float64, bool, time.Duration, SQL,
// Query, Expr, Steps, structs of such, slices, Map and pointers of them.
type Runner[R any] interface {
	Run(ctx context.Context, env *Env) (R, error)
}

// Checker is an action, or a struct inside its arguments, with rules between
// fields. Check is called at load, when fields that hold ${…} have their zero
// value and problems at them are passed over, and again with every value.
type Checker interface {
	Check(at *Places)
}

// ExprNamer is an action, or a struct inside its arguments, whose Expr fields
// see names beside the runbook's own. The values only tell the types: Names for
// a set of known names, nil for a value whose type is known when it runs.
type ExprNamer interface {
	ExprNames(field string) Names
}

// Changer is an action that can tell from its arguments whether it may change
// anything. An action that cannot is taken to change something.
type Changer interface {
	Changes() bool
}

// Selector is a result of which `register` names a part. An action whose result
// is none registers the whole of it.
type Selector interface {
	// Select returns the value for register: NAME, the Row for {row: NAME}, the
	// []Row for {rows: NAME}. The error says what came back instead.
	Select(syntax.Part) (any, error)
}

// Summarizer is a result that can say itself in one short line.
type Summarizer interface {
	Summary() string
}

// Action is a verb of the language, made by Define.
type Action struct {
	Name   string
	args   reflect.Type // struct
	result reflect.Type
	run    func(ctx context.Context, env *Env, args reflect.Value) (any, error)
	decode func(json.RawMessage) (any, error)
}

// Define makes an action of its argument type A, whose pointer is a Runner, and
// its result type R. One line in actions.All adds it to the language.
func Define[A any, R any, P interface {
	*A
	Runner[R]
}](name string) Action {
	return Action{
		Name:   name,
		args:   reflect.TypeFor[A](),
		result: reflect.TypeFor[R](),
		run: func(ctx context.Context, env *Env, args reflect.Value) (any, error) {
			return P(args.Addr().Interface().(*A)).Run(ctx, env)
		},
		decode: func(b json.RawMessage) (any, error) {
			var r R
			if err := json.Unmarshal(b, &r); err != nil {
				return nil, fmt.Errorf("read the result of %s: %w", name, err)
			}
			return r, nil
		},
	}
}

// Names are values by name, beside the runbook's own, in an expression that an
// action evaluates.
type Names map[string]any

// Map is an ordered mapping from names to T in an action's arguments.
type Map[T any] []Entry[T]

// Entry is one name of a Map with its value.
type Entry[T any] struct {
	Key   string
	Value T
}

func (Map[T]) ordered() {}

// Steps are steps inside an action's arguments, which it runs by Env.RunSteps.
type Steps struct {
	steps []*step
}

// Query is a query of the runbook's `queries`, by name, or one written in
// place: its SQL, or {title, sql, args}.
type Query struct {
	// The name under `queries`, or a short form of the text.
	Name string
	// What a report calls it.
	Title string
	// One statement.
	SQL SQL
	// Expressions for $1, $2, …, evaluated at every execution.
	Args []Expr[any]
}
