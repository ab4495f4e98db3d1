package engine

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

// bound is a field's value: known at load, or made by eval at every execution.
// value is what is known: the constant parts, zero elsewhere.
type bound struct {
	value reflect.Value
	eval  func(s *scope) (reflect.Value, error) // nil: value is all of it
}

func constantValue(v reflect.Value) bound { return bound{value: v} }

func (b bound) constant() bool { return b.eval == nil }

// get is the field's value for one execution.
func (b bound) get(s *scope) (reflect.Value, error) {
	if b.eval == nil {
		return b.value, nil
	}
	return b.eval(s)
}

var (
	typeSQL      = reflect.TypeFor[SQL]()
	typeQuery    = reflect.TypeFor[Query]()
	typeSteps    = reflect.TypeFor[Steps]()
	typeDuration = reflect.TypeFor[time.Duration]()
	typeExpr     = reflect.TypeFor[exprField]()
)

// bind reads a node as a value of type t. pending collects the expressions,
// which are compiled once the struct around them is known.
func (c *compiler) bind(n *syntax.Node, t reflect.Type, f field) bound {
	switch {
	case t == typeSQL && f.file:
		return c.bindFile(n)
	case t == typeSQL:
		return c.bindSQL(n)
	case t == typeQuery:
		return c.bindQuery(n)
	case t == typeSteps:
		return c.bindSteps(n)
	case t == typeDuration:
		return c.bindScalar(n, t, f)
	case reflect.PointerTo(t).Implements(typeExpr):
		return c.bindExpr(n, t, f.extra)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return c.bindPointer(n, t, f)
	case reflect.Struct:
		return c.bindStruct(n, t, f.path)
	case reflect.Slice:
		if isOrdered(t) {
			return c.bindMap(n, t, f)
		}
		return c.bindList(n, t, f)
	default:
		return c.bindScalar(n, t, f)
	}
}

func isOrdered(t reflect.Type) bool {
	_, ok := reflect.Zero(t).Interface().(interface{ ordered() })
	return ok
}

// field is an exported field of an argument struct, as the tag refines it.
type field struct {
	index    int
	name     string
	typ      reflect.Type
	required bool
	main     bool
	label    bool // names a step that has no name
	file     bool // SQL that the file of the given name holds
	enum     []string
	fallback string // default
	extra    Names  // beside the runbook's names, in an expression
	path     string // of names, for messages
}

// fields describes an argument struct.
func fields(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		sf := t.Field(i)
		if !sf.IsExported() {
			continue
		}
		f := field{index: i, name: snake(sf.Name), typ: sf.Type, fallback: sf.Tag.Get("default")}
		for j, word := range strings.Split(sf.Tag.Get("arg"), ",") {
			switch {
			case word == "required":
				f.required = true
			case word == "main":
				f.main = true
			case word == "label":
				f.label = true
			case word == "file":
				f.file = true
			case j == 0 && word != "":
				f.name = word
			}
		}
		if enum := sf.Tag.Get("enum"); enum != "" {
			f.enum = strings.Split(enum, "|")
		}
		out = append(out, f)
	}
	return out
}

// snake turns a Go name into the language's: ShardCount is shard_count.
func snake(s string) string {
	var b strings.Builder
	for i, r := range s {
		upper := r >= 'A' && r <= 'Z'
		if upper && i > 0 && !(s[i-1] >= 'A' && s[i-1] <= 'Z') {
			b.WriteByte('_')
		}
		if upper {
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// bindStruct reads a mapping, or a bare value for the main field.
func (c *compiler) bindStruct(n *syntax.Node, t reflect.Type, path string) bound {
	all := c.fields(t)
	given := map[string]*syntax.Node{}
	main := slices.IndexFunc(all, func(f field) bool { return f.main })
	switch {
	case n.Kind == syntax.Map:
		names := make([]string, len(all))
		for i, f := range all {
			names[i] = f.name
		}
		for _, f := range n.Fields {
			if !slices.Contains(names, f.Key.Text) {
				c.add(f.Key.Problem("schema/unknown-key", fmt.Sprintf("%q is not a key of %s", f.Key.Text, path), nearOrAll(f.Key.Text, names)))
				continue
			}
			given[f.Key.Text] = f.Value
		}
	case main >= 0 && !n.IsNull():
		given[all[main].name] = n
	case n.IsNull():
		names := make([]string, len(all))
		for i, f := range all {
			names[i] = f.name
		}
		c.add(n.Problem("schema/type", path+" is empty", "its keys: "+strings.Join(names, ", ")))
		return constantValue(reflect.Zero(t))
	default:
		c.add(n.Problem("schema/type", fmt.Sprintf("%s is a mapping, this is %s", path, n.What()), ""))
		return constantValue(reflect.Zero(t))
	}
	return c.bindFields(n, t, all, given, path)
}

// bindFields binds plain fields first and expressions second: what an
// expression may name can depend on the others.
func (c *compiler) bindFields(n *syntax.Node, t reflect.Type, all []field, given map[string]*syntax.Node, path string) bound {
	shape := reflect.New(t).Elem()
	parts := make([]bound, len(all))
	dynamic := false
	set := func(i int, b bound) {
		if b.value.IsValid() {
			shape.Field(all[i].index).Set(b.value)
		}
		parts[i] = b
		dynamic = dynamic || b.eval != nil
	}
	open := map[string]bool{}
	for pass, late := range []bool{false, true} {
		for i, f := range all {
			if namesMatter(f.typ) != late {
				continue
			}
			f.path = path + "." + f.name
			if namer, ok := shape.Addr().Interface().(ExprNamer); ok && pass == 1 {
				f.extra = c.told.extra(namer.ExprNames(f.name), shape)
			}
			before := len(c.problems)
			switch node := given[f.name]; {
			case node != nil:
				set(i, c.bind(node, f.typ, f))
			case f.fallback != "":
				set(i, c.bind(c.defaultNode(n, f), f.typ, f))
			case f.required && !n.Misspells(f.name):
				c.add(n.Problem("schema/missing-key", fmt.Sprintf("%s needs %q", path, f.name), ""))
			}
			// How many expressions there are is known, whatever their values.
			open[f.name] = parts[i].eval != nil && !late || len(c.problems) > before
		}
	}
	if checker, ok := shape.Addr().Interface().(Checker); ok {
		at := &Places{node: n, given: given, open: open}
		checker.Check(at)
		c.add(at.problems...)
	}
	if !dynamic {
		return constantValue(shape)
	}
	return bound{value: shape, eval: func(s *scope) (reflect.Value, error) {
		out, open := reflect.New(t).Elem(), map[string]bool{}
		out.Set(shape)
		for i, f := range all {
			if parts[i].eval == nil {
				continue
			}
			v, err := parts[i].eval(s)
			if s.postpone(path+"."+f.name, err) {
				open[f.name] = true
				continue
			}
			if err != nil {
				return v, err
			}
			out.Field(f.index).Set(v)
		}
		return out, checkAgain(out, n, given, open)
	}}
}

// checkAgain looks at an argument struct whose last values were made just now.
func checkAgain(v reflect.Value, n *syntax.Node, given map[string]*syntax.Node, open map[string]bool) error {
	checker, ok := v.Addr().Interface().(Checker)
	if !ok {
		return nil
	}
	at := &Places{node: n, given: given, open: open}
	checker.Check(at)
	errors := at.problems.Errors()
	if len(errors) == 0 {
		return nil
	}
	p := errors[0]
	return &Fault{Message: p.Message, Place: placeOf(p.Pos), Excerpt: n.Source().Excerpt(p.Pos, p.Width, p.Hint)}
}

// namesMatter says whether what stands in a type can depend on its neighbours:
// expressions, and the steps that a watched action runs.
func namesMatter(t reflect.Type) bool {
	if t == typeSteps {
		return true
	}
	if t.Kind() == reflect.Slice && !isOrdered(t) {
		t = t.Elem()
	}
	return reflect.PointerTo(t).Implements(typeExpr)
}

func (c *compiler) defaultNode(n *syntax.Node, f field) *syntax.Node {
	return &syntax.Node{Pos: n.Pos, Type: syntax.String, Text: f.fallback}
}

// Places lets a Checker report problems at the fields it speaks of.
type Places struct {
	node     *syntax.Node
	given    map[string]*syntax.Node
	open     map[string]bool // fields whose value is not known yet, or a problem already
	problems syntax.Problems
}

// Has says whether the runbook gives the field.
func (p *Places) Has(field string) bool { return p.given[field] != nil }

// Problem reports something wrong at a field, or at the whole when the field is
// not there.
func (p *Places) Problem(field, code, message, hint string) {
	if p.open[field] {
		return
	}
	n := p.given[field]
	if n == nil {
		n = p.node
	}
	p.problems = append(p.problems, n.Problem(code, message, hint))
}

// Warning reports something unwise at a field.
func (p *Places) Warning(field, code, message, hint string) {
	before := len(p.problems)
	p.Problem(field, code, message, hint)
	for i := before; i < len(p.problems); i++ {
		p.problems[i] = p.problems[i].Warning()
	}
}

// Add reports a problem with a place of its own, such as that of an Expr.
func (p *Places) Add(problem syntax.Problem) { p.problems = append(p.problems, problem) }

func (c *compiler) bindPointer(n *syntax.Node, t reflect.Type, f field) bound {
	b := c.bind(n, t.Elem(), f)
	wrap := func(v reflect.Value) reflect.Value {
		p := reflect.New(t.Elem())
		p.Elem().Set(v)
		return p
	}
	out := bound{value: wrap(b.value)}
	if b.eval != nil {
		out.eval = func(s *scope) (reflect.Value, error) {
			v, err := b.eval(s)
			if err != nil {
				return v, err
			}
			return wrap(v), nil
		}
	}
	return out
}

// bindList reads a list; one value stands for a list of one.
func (c *compiler) bindList(n *syntax.Node, t reflect.Type, f field) bound {
	items := n.Items
	if n.Kind != syntax.List {
		if n.IsNull() {
			c.add(n.Problem("schema/type", fmt.Sprintf("%s is a list, this is %s", f.path, n.What()), ""))
			return constantValue(reflect.Zero(t))
		}
		items = []*syntax.Node{n}
	}
	parts := make([]bound, len(items))
	for i, item := range items {
		parts[i] = c.bind(item, t.Elem(), f)
	}
	return joinBound(parts, func(values []reflect.Value) reflect.Value {
		out := reflect.MakeSlice(t, len(values), len(values))
		for i, v := range values {
			out.Index(i).Set(v)
		}
		return out
	})
}

// bindMap reads a mapping from names.
func (c *compiler) bindMap(n *syntax.Node, t reflect.Type, f field) bound {
	if n.Kind != syntax.Map {
		c.add(n.Problem("schema/type", fmt.Sprintf("%s is a mapping from names, this is %s", f.path, n.What()), ""))
		return constantValue(reflect.Zero(t))
	}
	parts := make([]bound, len(n.Fields))
	for i, e := range n.Fields {
		g := f
		g.path = f.path + "." + e.Key.Text
		valueField, _ := t.Elem().FieldByName("Value")
		parts[i] = c.bind(e.Value, valueField.Type, g)
	}
	return joinBound(parts, func(values []reflect.Value) reflect.Value {
		out := reflect.MakeSlice(t, len(values), len(values))
		for i, v := range values {
			out.Index(i).FieldByName("Key").SetString(n.Fields[i].Key.Text)
			out.Index(i).FieldByName("Value").Set(v)
		}
		return out
	})
}

// joinBound makes one value of several.
func joinBound(parts []bound, join func([]reflect.Value) reflect.Value) bound {
	values := make([]reflect.Value, len(parts))
	dynamic := false
	for i, p := range parts {
		values[i] = p.value
		dynamic = dynamic || p.eval != nil
	}
	out := bound{value: join(values)}
	if dynamic {
		out.eval = func(s *scope) (reflect.Value, error) {
			values := make([]reflect.Value, len(parts))
			for i, p := range parts {
				v, err := p.get(s)
				if err != nil {
					return v, err
				}
				values[i] = v
			}
			return join(values), nil
		}
	}
	return out
}

func (c *compiler) bindExpr(n *syntax.Node, t reflect.Type, extra Names) bound {
	zero := reflect.New(t)
	p := c.expression(n, exprSpec{want: zero.Interface().(exprField).want(), extra: extra})
	if p == nil {
		return constantValue(reflect.Zero(t))
	}
	zero.Interface().(exprField).bind(p, nil)
	return bound{value: zero.Elem(), eval: func(s *scope) (reflect.Value, error) {
		v := reflect.New(t)
		v.Interface().(exprField).bind(p, s.values(p.uses))
		return v.Elem(), nil
	}}
}

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
		sql, _ := t.renderSQL(nil)
		return constantValue(reflect.ValueOf(sql))
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

func (c *compiler) bindSteps(n *syntax.Node) bound {
	parsed, problems := syntax.ParseSteps(n)
	c.add(problems...)
	c.ids(parsed)
	return constantValue(reflect.ValueOf(Steps{steps: c.steps(parsed, c.path+"/")}))
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
	s := strings.Join(strings.Fields(sql), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// bindScalar reads text, numbers, true or false, and durations; each may be or
// hold ${…}.
func (c *compiler) bindScalar(n *syntax.Node, t reflect.Type, f field) bound {
	if n.Kind != syntax.Scalar || n.Type == syntax.Null && f.fallback == "" {
		c.add(n.Problem("schema/type", fmt.Sprintf("%s is %s, this is %s", f.path, scalarName(t), n.What()), ""))
		return constantValue(reflect.Zero(t))
	}
	tmpl := c.template(n, exprSpec{})
	if tmpl == nil {
		return constantValue(reflect.Zero(t))
	}
	if tmpl.constant() {
		v, err := parseScalar(tmpl.plain(), t, f.enum)
		if err != nil {
			c.add(n.Problem("schema/type", fmt.Sprintf("%s: %s", f.path, err), syntax.DidYouMean(n.Text, f.enum)))
			return constantValue(reflect.Zero(t))
		}
		return constantValue(v)
	}
	return bound{value: reflect.Zero(t), eval: func(s *scope) (reflect.Value, error) {
		return evalScalar(tmpl, t, f, s)
	}}
}

func evalScalar(tmpl *template, t reflect.Type, f field, s *scope) (reflect.Value, error) {
	if alone := tmpl.alone(); alone != nil {
		v, err := s.eval(alone)
		if err != nil {
			return reflect.Value{}, err
		}
		if rv := reflect.ValueOf(v); rv.IsValid() && rv.Type() == t && f.enum == nil {
			return rv, nil
		}
	}
	text, err := tmpl.render(s)
	if err != nil {
		return reflect.Value{}, err
	}
	v, err := parseScalar(text, t, f.enum)
	if err != nil {
		return v, faultAt(tmpl.node, 0, fmt.Sprintf("%s: %s", f.path, err))
	}
	return v, nil
}

func scalarName(t reflect.Type) string {
	switch {
	case t == typeDuration:
		return "a duration such as 500ms, 5s or 2h"
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		return "a whole number"
	case t.Kind() == reflect.Float64:
		return "a number"
	case t.Kind() == reflect.Bool:
		return "true or false"
	default:
		return "text"
	}
}

// parseScalar reads text as a value of t; enum are the texts allowed.
func parseScalar(text string, t reflect.Type, enum []string) (reflect.Value, error) {
	v := reflect.New(t).Elem()
	wrong := fmt.Errorf("%q is not %s", text, scalarName(t))
	switch {
	case t == typeDuration:
		d, err := parseDuration(text)
		if err != nil {
			return v, wrong
		}
		v.SetInt(int64(d))
		return v, nil
	case enum != nil && !slices.Contains(enum, text):
		return v, fmt.Errorf("%q is none of %s", text, strings.Join(enum, ", "))
	}
	switch t.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, 64)
		if err != nil {
			return v, wrong
		}
		v.SetInt(i)
	case reflect.Float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return v, wrong
		}
		v.SetFloat(x)
	case reflect.Bool:
		switch text {
		case "true":
			v.SetBool(true)
		case "false":
		default:
			return v, wrong
		}
	default:
		return v, fmt.Errorf("an argument cannot have the type %s", t)
	}
	return v, nil
}

// parseDuration reads Go's durations and whole days ("3d"). Zero needs no unit;
// any other bare number does, since 5 could be anything.
func parseDuration(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= int(math.MaxInt64/day) {
			return time.Duration(n) * day, nil
		}
	}
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err == nil && d < 0 {
		return 0, fmt.Errorf("a duration is not negative")
	}
	return d, err
}

// nearOrAll names the near miss, or all names when none is near.
func nearOrAll(word string, names []string) string {
	if hint := syntax.DidYouMean(word, names); hint != "" {
		return hint
	}
	if len(names) == 0 {
		return ""
	}
	names = slices.Clone(names)
	slices.Sort(names)
	return "known: " + strings.Join(names, ", ")
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
