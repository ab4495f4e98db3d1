package engine

import (
	"fmt"
	"sort"
	"strings"

	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

// SQL is SQL text with its insertions made, that still knows which character
// stands where in the file. As an argument it is text; a value inserted by ${…}
// becomes a literal of its type.
type SQL struct {
	Text     string
	node     *syntax.Node
	segments []segment
	split    []Statement // the statements, if they were wanted at load
	open     []string    // in a plan: what inserted values wait for
	vague    bool        // a name or raw text is among those, so the statements are not known
	raw      bool        // it has ${raw(…)}
}

// segment says that the text from at on comes from the scalar's text from
// offset on, character by character, or as a whole when it was inserted.
type segment struct {
	at, offset int
	inserted   bool
	shown      string // in a plan: how an unknown value shows, "" for known ones
}

// Statement is one statement of an SQL text.
type Statement struct {
	Text   string
	Class  postgres.Class
	sql    *SQL
	offset int // in sql.Text
}

// Statements splits the text. They are not for changing.
func (s *SQL) Statements() []Statement {
	if s.split != nil {
		return s.split
	}
	split := postgres.Split(s.Text)
	out := make([]Statement, len(split))
	for i, st := range split {
		out[i] = Statement{Text: st.Text, Class: postgres.Classify(st.Text), sql: s, offset: st.Offset}
	}
	return out
}

// Plain is a statement of the engine's or an action's own making; it has no
// place in the file.
func Plain(text string) Statement {
	return Statement{Text: text, Class: postgres.Classify(text)}
}

// place is where in the file the byte at offset of the statement stands.
func (st Statement) place(offset int) (pos syntax.Pos, exact, ok bool) {
	if st.sql == nil || st.sql.node == nil {
		return syntax.Pos{}, false, false
	}
	at := st.offset + offset
	segments := st.sql.segments
	i := sort.Search(len(segments), func(i int) bool { return segments[i].at > at }) - 1
	if i < 0 {
		return st.sql.node.Pos, false, true
	}
	from := segments[i].offset
	if !segments[i].inserted {
		from += at - segments[i].at
	}
	pos, exact = st.sql.node.PosAt(from)
	return pos, exact, true
}

func (st Statement) source() *syntax.Source {
	if st.sql == nil || st.sql.node == nil {
		return nil
	}
	return st.sql.node.Source()
}

// sqlTemplate compiles SQL text. An insertion inside quotes would be quoted
// twice, which is a problem; inside a comment it stays as it is.
func (c *compiler) sqlTemplate(n *syntax.Node) *template {
	if n.Kind != syntax.Scalar || n.Type == syntax.Null || strings.TrimSpace(n.Text) == "" {
		c.add(n.Problem("schema/type", fmt.Sprintf("SQL is text, this is %s", n.What()), ""))
		return nil
	}
	pieces, err := syntax.Template(n.Text)
	if err != nil {
		return c.template(n, exprSpec{})
	}
	if postgres.IsBlank(n.Text) {
		c.add(n.Problem("schema/type", "there is no statement in this SQL, only comments", ""))
		return nil
	}
	t := &template{node: n, pieces: make([]piece, 0, len(pieces))}
	zones := insertionZones(pieces)
	good := true
	for i, p := range pieces {
		out := piece{text: p.Text, offset: p.Offset}
		if !p.Expr {
			t.pieces = append(t.pieces, out)
			continue
		}
		switch zone := zones[i]; {
		case zone.Zone == postgres.Comment:
			out.text, out.offset = "${"+p.Text+"}", p.Offset-2
		case zone.Zone == postgres.String || zone.Zone == postgres.QuotedIdent:
			good = false
			hint := "leave the quotes out: the value becomes a quoted literal of its type"
			if zone.Zone == postgres.QuotedIdent {
				hint = "write ${ident(" + strings.TrimSpace(p.Text) + ")} without the quotes"
			}
			c.add(n.ProblemAt(p.Offset-2, len(p.Text)+3, "template/quoted", "this insertion stands inside quotes", hint))
		default:
			out.tag = zone.Tag
			out.expr = c.compileExpr(n, p.Offset, p.Text, exprSpec{sql: true})
			good = good && out.expr != nil
		}
		t.pieces = append(t.pieces, out)
	}
	if !good {
		return nil
	}
	return t
}

// insertionZones tells for each piece in which zone of the SQL it stands, with
// a name standing in for every insertion.
func insertionZones(pieces []syntax.Piece) []postgres.Span {
	if len(pieces) == 1 && !pieces[0].Expr {
		return nil // as most texts
	}
	var b strings.Builder
	last := pieces[len(pieces)-1]
	b.Grow(last.Offset + len(last.Text))
	starts := make([]int, len(pieces))
	for i, p := range pieces {
		starts[i] = b.Len()
		if p.Expr {
			b.WriteString("x")
		} else {
			b.WriteString(p.Text)
		}
	}
	spans := postgres.Zones(b.String())
	out := make([]postgres.Span, len(pieces))
	for i, at := range starts {
		out[i] = postgres.ZoneAt(spans, at)
	}
	return out
}

// renderSQL inserts values as literals, ident(…) as identifiers and raw(…) as
// it is.
func (t *template) renderSQL(s *scope) (SQL, error) {
	out := SQL{node: t.node}
	var b strings.Builder
	for _, p := range t.pieces {
		out.segments = append(out.segments, segment{at: b.Len(), offset: p.offset, inserted: p.expr != nil})
		if p.expr == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := s.eval(p.expr)
		if names := waitsFor(err); names != nil {
			b.WriteString(out.leaveOpen(p.expr, names))
			continue
		}
		if err != nil {
			return SQL{}, err
		}
		if special, ok := v.(inSQL); ok && !special.ident {
			out.raw = true
		}
		text, err := sqlText(v)
		if err != nil {
			return SQL{}, p.expr.fault(0, err.Error())
		}
		if p.tag != "" && strings.Contains(text, p.tag) {
			return SQL{}, p.expr.fault(0, fmt.Sprintf("the value holds %s, which would end the quoted body it stands in", p.tag))
		}
		b.WriteString(text)
	}
	out.Text = b.String()
	return out, nil
}

func sqlText(v any) (string, error) {
	x, special := v.(inSQL)
	switch {
	case special && x.ident:
		return postgres.Ident(x.text), nil
	case special:
		return x.text, nil
	}
	return postgres.Literal(v)
}

// Statement is the text as the one statement that it is.
func (s *SQL) Statement() Statement {
	if all := s.Statements(); len(all) == 1 {
		return all[0]
	}
	return Statement{Text: s.Text, sql: s}
}
