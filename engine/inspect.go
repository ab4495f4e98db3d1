package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"runbook/engine/event"
	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

// Returner is an action whose result's rows are those of an SQL text: of its last
// statement that returns any.
type Returner interface {
	Returns() *SQL
}

// Inspection is what a server says of the statements of a plan.
type Inspection struct {
	Problems  syntax.Problems
	Sources   map[string]*syntax.Source // of the problems' files
	Checked   int                       // statements that the server has looked at
	Unchecked []Unchecked
}

// Unchecked is a statement that could not be judged before the run.
type Unchecked struct {
	Pos    syntax.Pos
	Reason string
}

// Inspect has the server prepare every statement whose text is known, each in a
// READ ONLY transaction, and checks the expressions again with the types of the
// columns. It changes nothing.
func (p *Plan) Inspect(ctx context.Context, conns *Connections) (*Inspection, error) {
	v, err := newPreviewer(ctx, p, conns, RunInfo{})
	if err != nil {
		return nil, err
	}
	v.x.scope.ahead.unknown = nil // any value shows whether a statement is sound
	n := &inspector{previewer: v, out: &Inspection{Sources: map[string]*syntax.Source{}}, told: newColumns()}
	if err := n.steps(ctx, p.steps); err != nil {
		return nil, err
	}
	n.out.Problems = append(n.out.Problems, p.again(n.told)...)
	mask := event.NewMask(v.x.secretValues()) // the server quotes the values it does not like
	for i := range n.out.Problems {
		problem := &n.out.Problems[i]
		problem.Message, problem.Hint = mask.String(problem.Message), mask.String(problem.Hint)
	}
	for i := range n.out.Unchecked {
		n.out.Unchecked[i].Reason = mask.String(n.out.Unchecked[i].Reason)
	}
	return n.out, nil
}

// inspector is one walk through a plan's statements.
type inspector struct {
	*previewer
	out     *Inspection
	told    *columns
	earlier []change
}

func (n *inspector) steps(ctx context.Context, list []*step) error {
	for _, s := range list {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := n.step(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// step goes through the turns of a loop whose list is known, and else looks at
// the step once.
func (n *inspector) step(ctx context.Context, s *step) error {
	if s.loop == nil {
		return n.turn(ctx, s)
	}
	items, err := s.loop.items(n.x.scope)
	if err != nil { // not known yet, or what a plan tells
		return n.turn(ctx, s)
	}
	defer n.x.scope.unset(s.loop.name)
	for _, item := range items[:min(len(items), mostItems)] {
		n.x.scope.set(s.loop.name, item)
		if err := n.turn(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (n *inspector) turn(ctx context.Context, s *step) error {
	if s.when != nil {
		if holds, err := s.when.condition(n.x.scope, nil); err == nil && !holds {
			n.skip(s.node.Pos(), "when: "+s.when.text)
			return nil
		}
	}
	back, err := n.searchPath(ctx, s)
	if err != nil {
		n.skip(s.node.Pos(), err.Error())
		return nil
	}
	defer back()
	if g := s.group; g != nil {
		for _, list := range [][]*step{g.steps, g.rescue, g.always} {
			if err := n.steps(ctx, list); err != nil {
				return err
			}
		}
		return nil
	}
	n.x.scope.ahead.open = map[string][]string{}
	args, err := s.arguments(n.x.scope)
	if err != nil {
		n.skip(s.node.Pos(), err.Error())
		return nil
	}
	if err := n.action(ctx, s, args); err != nil {
		return err
	}
	for _, inner := range stepsIn(args) {
		if err := n.steps(ctx, inner.steps); err != nil {
			return err
		}
	}
	return nil
}

// action looks at the texts of an action's arguments.
func (n *inspector) action(ctx context.Context, s *step, args reflect.Value) error {
	var result *SQL
	if r, ok := args.Addr().Interface().(Returner); ok {
		result = r.Returns()
	}
	for _, text := range sqlIn(args) {
		cols, sure, err := n.text(ctx, s, text)
		if err != nil {
			return err
		}
		n.told.text(text.node, cols, sure)
		if result != nil && result.node == text.node {
			n.told.result(s.path, cols, sure)
		}
	}
	return nil
}

// text looks at the statements of a text and returns the columns of the last one
// that has any; sure says that they are known.
func (n *inspector) text(ctx context.Context, s *step, text SQL) (cols []postgres.Column, sure bool, err error) {
	sure = true
	for _, st := range text.Statements() {
		found, known, err := n.statement(ctx, s, st)
		if err != nil {
			return nil, false, err
		}
		sure = sure && known
		if len(found) > 0 {
			cols = found
		}
		if c, changes := changeOf(s, st); changes {
			n.earlier = append(n.earlier, c)
		}
	}
	return cols, sure && len(cols) > 0, nil
}

// statement asks the server about one statement; the error says that it cannot
// be asked any more.
func (n *inspector) statement(ctx context.Context, s *step, st Statement) (cols []postgres.Column, known bool, err error) {
	pos, _, _ := st.place(0)
	switch {
	case st.sql.vague:
		n.skip(pos, "its text is known when it runs: depends on "+strings.Join(distinct(st.sql.open), ", "))
		return nil, false, nil
	case st.Class == postgres.Transaction:
		return nil, true, nil
	}
	sess, err := n.session(ctx, s.connection)
	if err != nil {
		n.skip(pos, err.Error())
		return nil, false, nil
	}
	err = readOnly(ctx, sess, func() error {
		cols, err = sess.Describe(ctx, st.Text)
		if err != nil {
			return err
		}
		if name, ok := shownSetting(st.Text); ok {
			_, err = sess.Query(ctx, "SELECT pg_catalog.current_setting($1)", name)
		}
		return err
	})
	var pg *postgres.Error
	switch {
	case err == nil:
		n.out.Checked++
		return cols, len(st.waits()) == 0, nil
	case errors.As(err, &pg) && !sess.Closed():
		n.judge(ctx, s, st, pg)
		return nil, false, nil
	default:
		return nil, false, fmt.Errorf("%w: %w", ErrNotReady, err)
	}
}

// judge makes a problem of what the server said, or says why it is none yet.
func (n *inspector) judge(ctx context.Context, s *step, st Statement, pg *postgres.Error) {
	offset, width := 0, 1
	if pg.Position > 0 {
		offset = max(0, postgres.OffsetAt(st.Text, pg.Position))
		width = wordAt(st.Text, offset)
	} else if name, ok := shownSetting(st.Text); ok {
		offset, width = strings.LastIndex(st.Text, name), len(name)
	}
	pos, exact, ok := st.place(offset)
	if !ok {
		return
	}
	if reason := n.excuse(st, pg, offset); reason != "" {
		n.skip(pos, reason)
		return
	}
	runes := []rune(st.Text[min(offset, len(st.Text)):])
	word := string(runes[:min(width, len(runes))])
	if !exact {
		width = 1
	}
	n.out.Checked++
	n.out.Problems = append(n.out.Problems, syntax.Problem{
		Pos: pos, Width: width, Code: "sql/" + conditionCode(pg.SQLSTATE), Message: pg.Message, Hint: n.near(ctx, s, pg, word),
	})
	n.out.Sources[pos.File] = st.source()
}

// conditionCode is the name of a SQLSTATE as a code has it: undefined_table.
func conditionCode(sqlstate string) string {
	if name := postgres.ConditionName(sqlstate); name != "" {
		return name
	}
	return sqlstate
}

func (n *inspector) skip(pos syntax.Pos, reason string) {
	n.out.Unchecked = append(n.out.Unchecked, Unchecked{pos, reason})
}

// stepsIn finds the steps in an action's arguments.
func stepsIn(v reflect.Value) []Steps {
	if v.Type() == typeSteps {
		return []Steps{v.Interface().(Steps)}
	}
	var out []Steps
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out = append(out, stepsIn(v.Field(i))...)
			}
		}
	}
	return out
}

// shownSetting is the setting that a SHOW names; SHOW ALL and the forms of
// several words name none.
func shownSetting(stmt string) (string, bool) {
	words := strings.Fields(strings.TrimRight(stmt, "; \n\t"))
	if len(words) != 2 || !strings.EqualFold(words[0], "SHOW") || strings.EqualFold(words[1], "ALL") {
		return "", false
	}
	return strings.Trim(words[1], `"`), true
}
