package engine

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

func (c *compiler) bindSQL(n *syntax.Node) bound {
	t := c.sqlTemplate(n)
	if t == nil {
		return constantValue(reflect.ValueOf(SQL{}))
	}
	c.texts = append(c.texts, t)
	return sqlBound(t)
}

// sqlBound evaluates the text once when it inserts nothing.
func sqlBound(t *template) bound {
	if t.constant() {
		return constantValue(reflect.ValueOf(*t.sketch()))
	}
	return bound{value: reflect.ValueOf(SQL{node: t.node}), eval: func(s *scope) (reflect.Value, error) {
		sql, err := t.renderSQL(s)
		return reflect.ValueOf(sql), err
	}}
}

// bindFile reads the SQL of a file beside the runbook, at load.
func (c *compiler) bindFile(n *syntax.Node) bound {
	none := constantValue(reflect.ValueOf(SQL{}))
	if n.Kind != syntax.Scalar || n.IsNull() {
		c.add(n.Problem("schema/type", fmt.Sprintf("file is the name of a file, this is %s", n.What()), ""))
		return none
	}
	shown := c.files.shown(n.Text)
	src, problems := syntax.ReadFile(c.files.FS, c.files.name(n.Text), shown)
	if problems != nil {
		c.add(n.Problem(problems[0].Code, fmt.Sprintf("%s: %s", shown, problems[0].Message), ""))
		return none
	}
	text := syntax.TextNode(shown, src)
	if c.beside == nil {
		c.beside = map[string]*syntax.Source{}
	}
	c.beside[shown] = text.Source()
	return c.bindSQL(text)
}

// bindQuery reads the name of a query, or one written in place.
func (c *compiler) bindQuery(n *syntax.Node) bound {
	q := syntax.Query{SQL: n}
	switch {
	case n.Kind == syntax.Map:
		return c.bindQueryMap(n)
	case n.Kind != syntax.Scalar || n.IsNull():
		c.add(n.Problem("schema/type", fmt.Sprintf("a query is a name of queries, SQL text, or {title, sql, args}; this is %s", n.What()), ""))
		return constantValue(reflect.ValueOf(Query{}))
	case !strings.ContainsAny(strings.TrimSpace(n.Text), " \n\t("):
		i := slices.IndexFunc(c.rb.Queries, func(q syntax.Query) bool { return q.Name.Text == n.Text })
		if i < 0 {
			c.add(n.Problem("schema/unknown-query", fmt.Sprintf("no query is called %q", n.Text), nearOrAll(n.Text, c.queryNames())))
			return constantValue(reflect.ValueOf(Query{}))
		}
		q = c.rb.Queries[i]
		c.used[q.Name.Text] = true
	}
	return c.queryBound(q)
}

func (c *compiler) bindQueryMap(n *syntax.Node) bound {
	q := syntax.Query{SQL: n.Get("sql"), Title: n.Get("title")}
	for _, f := range n.Fields {
		if !slices.Contains([]string{"title", "sql", "args"}, f.Key.Text) {
			c.add(f.Key.Problem("schema/unknown-key", fmt.Sprintf("%q is not a key of a query", f.Key.Text), nearOrAll(f.Key.Text, []string{"title", "sql", "args"})))
		}
	}
	if q.SQL == nil {
		c.add(n.Problem("schema/missing-key", `a query needs "sql"`, ""))
		return constantValue(reflect.ValueOf(Query{}))
	}
	if args := n.Get("args"); args != nil {
		q.Args = args.Items
		if args.Kind == syntax.Scalar {
			q.Args = []*syntax.Node{args}
		}
	}
	return c.queryBound(q)
}

func (c *compiler) queryBound(q syntax.Query) bound {
	sql := c.bindSQL(q.SQL)
	args := make([]bound, len(q.Args))
	for i, a := range q.Args {
		args[i] = c.bindExpr(a, reflect.TypeFor[Expr[any]](), nil)
	}
	// The name is the same at every stage, whatever ${…} makes of the text.
	title := shortened(q.SQL.Text)
	if q.Name != nil {
		title = q.Name.Text
	}
	if q.Title != nil {
		title = q.Title.Text
	}
	name := title
	if q.Name != nil {
		name = q.Name.Text
	}
	return joinBound(append([]bound{sql}, args...), func(v []reflect.Value) reflect.Value {
		out := Query{Name: name, Title: title, SQL: v[0].Interface().(SQL)}
		for _, a := range v[1:] {
			out.Args = append(out.Args, a.Interface().(Expr[any]))
		}
		return reflect.ValueOf(out)
	})
}

func shortened(sql string) string {
	const most = 40
	s := make([]byte, 0, 2*most*utf8.UTFMax)
	for word := range strings.FieldsSeq(sql) {
		if len(s) > 0 {
			s = append(s, ' ')
		}
		if s = append(s, word...); len(s) > most*utf8.UTFMax {
			break // the rest does not matter
		}
	}
	if utf8.RuneCount(s) <= most {
		return string(s)
	}
	return string([]rune(string(s))[:most-1]) + "…"
}

// classOf is the strongest class of the text's statements.
func (s *SQL) classOf() postgres.Class {
	class := postgres.Read
	for _, st := range s.Statements() {
		if st.Class != postgres.Read && st.Class != postgres.Setting {
			class = max(class, st.Class)
		}
	}
	return class
}

// Changes says whether a statement of the text may change anything beyond the
// session.
func (s *SQL) Changes() bool { return s.classOf() != postgres.Read }
