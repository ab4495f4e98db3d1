package engine

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"

	"runbook/engine/event"
	"runbook/engine/syntax"
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

// program is a compiled expression with its place.
type program struct {
	node   *syntax.Node // the scalar it stands in
	offset int          // and the byte of the scalar's text where it begins
	text   string
	code   *code
	uses   []string // names of the run that it reads
	later  []string // what of them only a run knows: run.id, steps.ID, random(), …
	// of a condition: its names, for its operands, and what is certain of it
	names   []typedName
	certain certainty
	// why a name may have no value, for those that may; in parentheses
	missing map[string]string
}

// Fault is an error in an expression or a template while it is evaluated.
type Fault struct {
	Message  string
	Place    event.Place
	Excerpt  string
	Operands []event.Operand
}

func (f *Fault) Error() string { return f.Message }

func (p *program) fault(offset int, message string) *Fault {
	return faultAt(p.node, p.offset+offset, message)
}

func faultAt(n *syntax.Node, offset int, message string) *Fault {
	pos, _ := n.PosAt(offset)
	return &Fault{Message: message, Place: placeOf(pos), Excerpt: n.Source().Excerpt(pos, 1, "")}
}

func placeOf(p syntax.Pos) event.Place { return event.Place{File: p.File, Line: p.Line, Col: p.Col} }

func (p *program) run(env map[string]any) (any, error) {
	for _, name := range p.uses {
		if _, ok := env[name]; !ok {
			return nil, p.fault(strings.Index(p.text, name), fmt.Sprintf("%q has no value here: the step that registers it did not run%s", name, p.missing[name]))
		}
	}
	v, err := p.code.run(env)
	if err == nil {
		return v, nil
	}
	var at *file.Error
	if !errors.As(err, &at) {
		return nil, p.fault(0, err.Error())
	}
	message := at.Message
	if at.Prev != nil {
		message = at.Prev.Error()
	}
	f := p.fault(byteOffset(p.text, at.From), message)
	f.Operands = p.operands(env)
	return nil, f
}

// byteOffset turns a character count into a byte offset of text.
func byteOffset(text string, runes int) int {
	for i := range text {
		if runes == 0 {
			return i
		}
		runes--
	}
	return len(text)
}

// exprSpec is what an expression must be at its place.
type exprSpec struct {
	want  reflect.Type // nil for anything
	extra Names
	sql   bool // inside SQL text: ident and raw exist
}

// expression compiles the whole text of a scalar.
func (c *compiler) expression(n *syntax.Node, spec exprSpec) *program {
	if n.Kind != syntax.Scalar || n.Type == syntax.Null {
		c.add(n.Problem("schema/type", fmt.Sprintf("an expression is one value, this is %s", n.What()), ""))
		return nil
	}
	if strings.Contains(n.Text, "${") {
		c.add(n.ProblemAt(strings.Index(n.Text, "${"), 2, "expr/insertion", "this field is an expression already; ${…} is for text", "write the bare expression"))
		return nil
	}
	return c.compileExpr(n, 0, n.Text, spec)
}

func (c *compiler) compileExpr(n *syntax.Node, offset int, text string, spec exprSpec) *program {
	p := &program{node: n, offset: offset, text: text}
	tree, err := parser.Parse(text)
	if err != nil {
		c.exprProblem(p, err)
		return nil
	}
	names, ok := c.resolve(p, tree, spec)
	if !ok {
		return nil
	}
	if spec.want == typeBool {
		p.names, p.certain = names, certain(tree.Node)
	}
	// Names and fields are checked before exact rewrites the operators: expr-lang
	// does not look at the arguments of a call again, and loses their errors.
	draft := c.dialect(spec.sql).draft(tree, names)
	err = draft.checkTypes()
	switch {
	case err != nil && !decidedByExact(err):
		c.exprProblem(p, err)
		return nil
	case err == nil && !c.hasType(p, nodeTypeOf(tree.Node), spec.want):
		return nil
	}
	compiled, found, err := draft.program()
	if err == nil && len(found) > 0 {
		c.add(p.node.ProblemAt(p.offset+byteOffset(text, found[0].at), found[0].width, "expr/type", found[0].message, ""))
		return nil
	}
	if err != nil {
		c.exprProblem(p, err)
		return nil
	}
	if !c.hasType(p, compiled.typ(), spec.want) {
		return nil
	}
	p.code = compiled
	return p
}

// hasType checks what can be known of the result before it runs. Any passes:
// the run checks it.
func (c *compiler) hasType(p *program, got, want reflect.Type) bool {
	if want == nil || got == nil || got.Kind() == reflect.Interface || want.Kind() == reflect.Interface || got.Kind() == want.Kind() {
		return true
	}
	hint := ""
	if want.Kind() == reflect.Bool {
		hint = "compare it with something, for example: == 'all'"
	}
	c.add(p.node.ProblemAt(p.offset, len(p.text), "expr/type", fmt.Sprintf("this is %s, want %s", kindName(got), kindName(want)), hint))
	return false
}

func kindName(t reflect.Type) string {
	switch {
	case t == nil || t.Kind() == reflect.Interface:
		return "a value"
	case t.Kind() == reflect.Bool:
		return "true or false"
	default:
		return typeName(reflect.Zero(t).Interface())
	}
}

// typedName is a name with what is known of its values.
type typedName struct {
	name string
	typ  types.Type
}

// resolve finds every name that the expression uses, with its type, and reports
// those that nothing has.
func (c *compiler) resolve(p *program, tree *parser.Tree, spec exprSpec) ([]typedName, bool) {
	v := &identifiers{}
	ast.Walk(&tree.Node, v)
	p.later = v.later
	names, ok := make([]typedName, 0, len(v.found)), true
	for _, id := range v.found {
		name := id.Value
		known := slices.ContainsFunc(names, func(n typedName) bool { return n.name == name })
		switch {
		case v.locals[name] || known:
		case name == "steps":
			names = append(names, typedName{name, c.stepsType(p, v.steps, &ok)})
			p.uses = append(p.uses, name)
		case name == "env":
			names = append(names, typedName{name, types.Map{types.Extra: types.Any}})
			p.uses = append(p.uses, name)
		case isFunction(name) && (spec.sql || name == fnCompare || name == fnRandom):
			if name == fnRaw {
				c.rawText(p, id)
			}
		default:
			t, found := c.names.typeOf(name, spec.extra)
			if !found {
				c.unknownName(p, id, v.called[id], spec.extra)
				ok = false
				continue
			}
			names = append(names, typedName{name, t})
			if _, given := spec.extra[name]; !given {
				p.uses = append(p.uses, name)
				c.read(p, name, name, id.Location().From)
			}
		}
	}
	return names, ok
}

// unknownName reports a name that nothing has.
func (c *compiler) unknownName(p *program, id *ast.IdentifierNode, called bool, extra Names) {
	name := id.Value
	message, hint := fmt.Sprintf("%q has no value here", name), c.elsewhere(name)
	switch {
	case hint != "":
	case called:
		message, hint = fmt.Sprintf("there is no function %q", name), syntax.DidYouMean(name, builtin.Names)
	default:
		candidates := append(c.names.all(extra), builtin.Names...)
		message, hint = fmt.Sprintf("no value is called %q", name), syntax.DidYouMean(name, candidates)
	}
	from := byteOffset(p.text, id.Location().From)
	c.add(p.node.ProblemAt(p.offset+from, len(name), "expr/unknown-name", message, hint))
}

// elsewhere says where a name that is unknown here does have a meaning, or "".
func (c *compiler) elsewhere(name string) string {
	switch {
	case name == fnIdent || name == fnRaw:
		return name + " is for ${…} in SQL text"
	case name == "failure":
		return "a failure is known in the steps of a rescue"
	case c.later[name] > 0:
		return fmt.Sprintf("it is registered in line %d, which comes later", c.later[name])
	}
	return ""
}

// stepsType knows the results of just the steps that the expression asks for.
func (c *compiler) stepsType(p *program, used []*ast.MemberNode, ok *bool) types.Type {
	m := types.Map{}
	for _, member := range used {
		id, isName := member.Property.(*ast.StringNode)
		if !isName {
			continue
		}
		t, found := c.names.steps[id.Value]
		if !found {
			*ok = false
			from := byteOffset(p.text, id.Location().From)
			c.add(p.node.ProblemAt(p.offset+from, len(id.Value), "expr/unknown-step",
				fmt.Sprintf("no earlier step has the id %q", id.Value), c.stepHint(id.Value)))
			continue
		}
		c.read(p, "steps."+id.Value, id.Value, id.Location().From)
		m[id.Value] = c.names.result(t)
		if told, ok := c.typed[id.Value]; ok {
			m[id.Value] = told
		}
	}
	return m
}

func (c *compiler) stepHint(id string) string {
	if later := c.seen[id]; later != nil {
		return fmt.Sprintf("the step of line %d comes later, or is a group", later.Pos.Line)
	}
	return syntax.DidYouMean(id, c.stepIDs())
}

// identifiers collects the names of an expression.
type identifiers struct {
	found  []*ast.IdentifierNode
	steps  []*ast.MemberNode // steps.ID
	locals map[string]bool   // made by let
	called map[ast.Node]bool // names of functions
	later  []string
}

func (v *identifiers) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		v.found = append(v.found, n)
	case *ast.CallNode:
		if v.called == nil {
			v.called = map[ast.Node]bool{}
		}
		v.called[n.Callee] = true
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && id.Value == fnRandom {
			v.later = append(v.later, "random()")
		}
	case *ast.BuiltinNode:
		if n.Name == "now" {
			v.later = append(v.later, "now()")
		}
	case *ast.VariableDeclaratorNode:
		if v.locals == nil {
			v.locals = map[string]bool{}
		}
		v.locals[n.Name] = true
	case *ast.MemberNode:
		id, ok := n.Node.(*ast.IdentifierNode)
		if ok && id.Value == "steps" {
			v.steps = append(v.steps, n)
		}
		if property, named := n.Property.(*ast.StringNode); ok && named && (id.Value == "steps" || id.Value == "run") {
			v.later = append(v.later, id.Value+"."+property.Value)
		}
	}
}

var sqlHabits = []struct {
	pattern *regexp.Regexp
	hint    string
}{
	{regexp.MustCompile(`(?i)\bis\s+not\s+null\b`), "write != nil for IS NOT NULL"},
	{regexp.MustCompile(`(?i)\bis\s+null\b`), "write == nil for IS NULL"},
	{regexp.MustCompile(`<>`), "write != for <>"},
	{regexp.MustCompile(`(?i)\bi?like\b`), "write contains, startsWith, endsWith or matches for LIKE"},
	{regexp.MustCompile(`\b(AND|OR|NOT|IN)\b`), "write and, or, not, in in lower case"},
	{regexp.MustCompile(`[^=!<>]=[^=]`), "write == to compare"},
}

// exprProblem reports what expr-lang found, with the SQL habit that may be
// behind it.
func (c *compiler) exprProblem(p *program, err error) {
	message, from, width := err.Error(), 0, 1
	var at *file.Error
	if errors.As(err, &at) {
		message, from = at.Message, byteOffset(p.text, at.From)
	}
	hint, code := "", "expr/syntax"
	for _, h := range sqlHabits {
		if h.pattern.MatchString(withoutStrings(p.text)) {
			hint = h.hint
			break
		}
	}
	for _, words := range []string{"mismatched types", "cannot use", "not enough arguments", "too many arguments", "invalid number of arguments"} {
		if strings.Contains(message, words) {
			code = "expr/type"
		}
	}
	if m := noField.FindStringSubmatch(message); m != nil {
		name := m[1] + m[2]
		code, message, width = "expr/unknown-field", fmt.Sprintf("there is no field %q here", name), len(name)
		hint = syntax.DidYouMean(name, c.fieldsNear(p))
		if name == "CompareWith" {
			code, message, width, hint = "expr/type", "compare wants two results of benchmark", len(fnCompare), ""
		}
	}
	if m := unexpected.FindStringSubmatch(message); m != nil {
		message = "unexpected " + m[1]
	}
	switch {
	case strings.TrimSpace(p.text) == "":
		message, from = "the expression is empty", 0
	case message == "unexpected token EOF":
		message = "the expression ends too early"
	}
	message = strings.NewReplacer(
		"cannot use nil as argument (type nil)", "cannot use nil",
		"[]interface {}", "a list", "interface {}", "any value", "int64", "a whole number", "string", "text",
	).Replace(message)
	c.add(p.node.ProblemAt(p.offset+from, width, code, strings.TrimSpace(message), hint))
}

var (
	noField    = regexp.MustCompile(`^(?:unknown field (\S+)|type \S+ has no (?:field|method) (\S+))$`)
	unexpected = regexp.MustCompile(`^unexpected token \w+\((.*)\)$`)
)

// decidedByExact says that the types of an operation do not suit expr-lang; exact
// has rules of its own.
func decidedByExact(err error) bool {
	return strings.Contains(err.Error(), "invalid operation: ") || strings.Contains(err.Error(), " in array")
}

var quoted = regexp.MustCompile(`'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"`)

func withoutStrings(text string) string {
	return quoted.ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat("_", len(s)) })
}

// fieldsNear lists the fields that results of this runbook have, to find what a
// misspelt one was meant to be.
func (c *compiler) fieldsNear(p *program) []string {
	var out []string
	collect := func(t reflect.Type) {
		out = append(out, fieldNames(t)...)
	}
	if c.told != nil {
		out = append(out, c.told.names...)
	}
	collect(reflect.TypeFor[RunInfo]())
	for _, t := range c.names.steps {
		collect(t)
	}
	for _, k := range c.names.known {
		if t := k.typ.Nature().Type; t != nil {
			collect(t)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// fieldNames are the names that expressions use for a struct's fields, those of
// the structs inside too.
func fieldNames(t reflect.Type) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		if name := f.Tag.Get("expr"); name != "" {
			out = append(out, name)
			if f.Type != t {
				out = append(out, fieldNames(f.Type)...)
			}
		}
	}
	return out
}
