package engine

import (
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"runbook/engine/postgres"
)

// judge asks the rules about a step that is compiled. Each looks for one thing
// that runs and is unwise.
func (c *compiler) judge(s *step) {
	c.openTransaction(s)
	c.retriesRemains(s)
	c.waitsEndlessly(s)
}

// rawText warns of ${raw(…)}.
func (c *compiler) rawText(p *program, at *ast.IdentifierNode) {
	from := byteOffset(p.text, at.Location().From)
	c.add(p.node.ProblemAt(p.offset+from, len(fnRaw), "template/raw",
		"raw text becomes part of the statement, whatever it holds",
		"insert a value by ${x}, a name by ${ident(x)}").Warning())
}

// statements are those of a step's SQL, as far as they are known before the run:
// a value inserted by ${…} is NULL in them.
func (s *step) statements(texts []*template) []Statement {
	if len(texts) == 1 {
		return texts[0].sketch().Statements()
	}
	var out []Statement
	for _, t := range texts {
		out = append(out, t.sketch().Statements()...)
	}
	return out
}

// sketch is the text with its ${…} left open, and all of the text when it has
// none.
func (t *template) sketch() *SQL {
	if t.sketched != nil {
		return t.sketched
	}
	sql := &SQL{node: t.node, segments: make([]segment, 0, len(t.pieces))}
	var b strings.Builder
	b.Grow(len(t.node.Text))
	for _, p := range t.pieces {
		sql.segments = append(sql.segments, segment{at: b.Len(), offset: p.offset, inserted: p.expr != nil})
		if p.expr == nil {
			b.WriteString(p.text)
		} else {
			b.WriteString(sql.leaveOpen(p.expr, nil))
		}
	}
	sql.Text = b.String()
	sql.split = sql.Statements()
	t.sketched = sql
	return sql
}

// beginsWith says whether a statement's first words are these.
func beginsWith(stmt string, words ...string) bool {
	have := strings.Fields(strings.ToUpper(stmt))
	return len(have) >= len(words) && slices.Equal(have[:len(words)], words)
}

// stalls says that readers or writers wait for what a statement locks.
func stalls(st Statement) (table string, ok bool) {
	for _, l := range postgres.Locks(st.Text) {
		if l.Mode.StallsReaders() || l.Mode.StallsWriters() {
			return l.Table, true
		}
	}
	return "", false
}

// argumentsAs is what an action's arguments can do, as far as they are known at
// load.
func argumentsAs[T any](s *step) (out T, ok bool) {
	v := s.args.value
	if !v.IsValid() {
		return out, false
	}
	known := reflect.New(v.Type())
	known.Elem().Set(v)
	out, ok = known.Interface().(T)
	return out, ok
}
