package engine

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

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
	vm     *vm.Program
	uses   []string // names of the run that it reads
	parts  []*program
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
			return nil, p.fault(strings.Index(p.text, name), fmt.Sprintf("%q has no value here: the step that registers it did not run", name))
		}
	}
	machine := vm.VM{MemoryBudget: 1 << 20}
	v, err := machine.Run(p.vm, env)
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

// operands evaluates the parts that a comparison or a logical operator joins.
func (p *program) operands(env map[string]any) []event.Operand {
	var out []event.Operand
	for _, part := range p.parts {
		o := event.Operand{Text: part.text}
		if v, err := (&vm.VM{MemoryBudget: 1 << 20}).Run(part.vm, env); err != nil {
			continue
		} else if o.Value = shown(v); o.Value != o.Text {
			out = append(out, o)
		}
	}
	return out
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
	env, ok := c.resolve(p, tree, spec)
	if !ok {
		return nil
	}
	options := append(functions(spec.sql), expr.Env(env))
	p.vm, err = expr.Compile(text, options...)
	if err != nil {
		c.exprProblem(p, err)
		return nil
	}
	if !c.hasType(p, spec.want) {
		return nil
	}
	if spec.want == reflect.TypeFor[bool]() {
		p.parts = splitOperands(p, tree.Node, options)
	}
	return p
}

// hasType checks what can be known of the result before it runs. Any passes:
// the run checks it.
func (c *compiler) hasType(p *program, want reflect.Type) bool {
	got := p.vm.Node().Type()
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

// resolve finds every name that the expression uses and reports those that
// nothing has.
func (c *compiler) resolve(p *program, tree *parser.Tree, spec exprSpec) (types.Map, bool) {
	v := &identifiers{locals: map[string]bool{}}
	ast.Walk(&tree.Node, v)
	env, ok := types.Map{}, true
	unknown := func(at ast.Node, name, message string, candidates []string) {
		ok = false
		from := byteOffset(p.text, at.Location().From)
		c.add(p.node.ProblemAt(p.offset+from, len(name), "expr/unknown-name", message, syntax.DidYouMean(name, candidates)))
	}
	for _, id := range v.found {
		name := id.Value
		switch {
		case v.locals[name] || env[name] != nil:
		case name == "steps":
			env["steps"] = c.stepsType(p, v.steps, &ok)
			p.uses = append(p.uses, name)
		case name == "env":
			env["env"] = types.Map{types.Extra: types.Any}
			p.uses = append(p.uses, name)
		case isFunction(name) && (spec.sql || name == fnCompare || name == fnRandom):
		default:
			t, found := c.names.typeOf(name, spec.extra)
			if !found {
				unknown(id, name, fmt.Sprintf("no value is called %q", name), append(c.names.all(spec.extra), builtin.Names...))
				continue
			}
			env[name] = t
			if _, given := spec.extra[name]; !given {
				p.uses = append(p.uses, name)
			}
		}
	}
	return env, ok
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
				fmt.Sprintf("no earlier step has the id %q", id.Value), syntax.DidYouMean(id.Value, c.stepIDs())))
			continue
		}
		m[id.Value] = resultType(t)
	}
	return m
}

// identifiers collects the names of an expression.
type identifiers struct {
	found  []*ast.IdentifierNode
	steps  []*ast.MemberNode // steps.ID
	locals map[string]bool   // made by let
}

func (v *identifiers) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		v.found = append(v.found, n)
	case *ast.VariableDeclaratorNode:
		v.locals[n.Name] = true
	case *ast.MemberNode:
		if id, ok := n.Node.(*ast.IdentifierNode); ok && id.Value == "steps" {
			v.steps = append(v.steps, n)
		}
	}
}

// splitOperands compiles the operands of an expression on their own. Parts that
// stand inside a predicate, where # and .field have a meaning, stay out.
func splitOperands(p *program, root ast.Node, options []expr.Option) []*program {
	var parts []*program
	seen := map[string]bool{}
	var split func(ast.Node)
	split = func(n ast.Node) {
		switch x := n.(type) {
		case *ast.BinaryNode:
			split(x.Left)
			split(x.Right)
			return
		case *ast.UnaryNode:
			split(x.Node)
			return
		case *ast.IntegerNode, *ast.FloatNode, *ast.StringNode, *ast.BoolNode, *ast.NilNode, *ast.ConstantNode, *ast.ArrayNode:
			return
		case *ast.BuiltinNode:
			// all(rows, .ok): the collection decides it, so it is shown too.
			if len(x.Arguments) > 0 {
				split(x.Arguments[0])
			}
		case *ast.ChainNode:
			split(x.Node)
			return
		}
		text := n.String()
		if seen[text] {
			return
		}
		seen[text] = true
		if compiled, err := expr.Compile(text, options...); err == nil {
			parts = append(parts, &program{text: text, vm: compiled})
		}
	}
	split(root)
	return parts
}

var sqlHabits = []struct {
	pattern *regexp.Regexp
	hint    string
}{
	{regexp.MustCompile(`(?i)\bis\s+not\s+null\b`), "write != nil for IS NOT NULL"},
	{regexp.MustCompile(`(?i)\bis\s+null\b`), "write == nil for IS NULL"},
	{regexp.MustCompile(`<>`), "write != for <>"},
	{regexp.MustCompile(`\b(AND|OR|NOT|IN|LIKE)\b`), "write and, or, not, in in lower case"},
	{regexp.MustCompile(`[^=!<>]=[^=]`), "write == to compare"},
}

// exprProblem reports what expr-lang found, with the SQL habit that may be
// behind it.
func (c *compiler) exprProblem(p *program, err error) {
	message, from := err.Error(), 0
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
	if strings.Contains(message, "mismatched types") || strings.Contains(message, "unknown field") || strings.Contains(message, "has no field") {
		code = "expr/type"
	}
	if strings.Contains(message, "cannot use") || strings.Contains(message, "not enough arguments") || strings.Contains(message, "too many arguments") {
		code = "expr/type"
	}
	if name, isField := strings.CutPrefix(message, "unknown field "); isField {
		hint = syntax.DidYouMean(name, c.fieldsNear(p))
	}
	message = strings.NewReplacer(
		"cannot use nil as argument (type nil)", "cannot use nil",
		"interface {}", "any value",
	).Replace(message)
	c.add(p.node.ProblemAt(p.offset+from, 1, code, message, hint))
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
