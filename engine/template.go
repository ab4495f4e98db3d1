package engine

import (
	"errors"
	"fmt"
	"strings"

	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

// template is text with insertions, compiled.
type template struct {
	node     *syntax.Node
	pieces   []piece
	sketched *SQL // once it was asked for, SQL only
}

// piece is plain text or an expression.
type piece struct {
	text   string
	offset int // in the scalar's text
	expr   *program
	tag    string // of the dollar-quoted body that the piece stands in, SQL only
}

// template compiles a scalar's ${…}; spec says what its expressions may see.
func (c *compiler) template(n *syntax.Node, spec exprSpec) *template {
	pieces, err := syntax.Template(n.Text)
	var te *syntax.TemplateError
	if errors.As(err, &te) {
		c.add(n.ProblemAt(te.Offset, 2, "template/syntax", te.Message, `write \${ for a literal ${`))
		return nil
	}
	t := &template{node: n}
	good := true
	for _, p := range pieces {
		out := piece{text: p.Text, offset: p.Offset}
		if p.Expr {
			out.expr = c.compileExpr(n, p.Offset, p.Text, spec)
			good = good && out.expr != nil
		}
		t.pieces = append(t.pieces, out)
	}
	if !good {
		return nil
	}
	return t
}

// constant says that the template inserts nothing.
func (t *template) constant() bool {
	for _, p := range t.pieces {
		if p.expr != nil {
			return false
		}
	}
	return true
}

// alone is the expression of a template that is one ${…} and nothing else; its
// value keeps its type.
func (t *template) alone() *program {
	if len(t.pieces) == 1 {
		return t.pieces[0].expr
	}
	return nil
}

// plain is the text of a constant template.
func (t *template) plain() string {
	var b strings.Builder
	for _, p := range t.pieces {
		b.WriteString(p.text)
	}
	return b.String()
}

// render inserts values as psql would show them. NULL has no text: an unset
// environment variable or a missing value is an error rather than a hole.
func (t *template) render(s *scope) (string, error) {
	var b strings.Builder
	for _, p := range t.pieces {
		if p.expr == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := s.eval(p.expr)
		if err != nil {
			return "", err
		}
		if v == nil {
			return "", p.expr.fault(0, fmt.Sprintf("%s is nothing (NULL) and has no text", strings.TrimSpace(p.expr.text)))
		}
		b.WriteString(asText(v))
	}
	return b.String(), nil
}

func asText(v any) string {
	switch x := v.(type) {
	case []Row, Row, []any, map[string]any:
		return shown(x)
	case string:
		return x
	}
	return postgres.FormatValue(v)
}
