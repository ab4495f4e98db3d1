package engine

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

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
	typeBool     = reflect.TypeFor[bool]()
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

// bindStruct reads a mapping, or a bare value for the main field.
func (c *compiler) bindStruct(n *syntax.Node, t reflect.Type, path string) bound {
	all := c.fields(t)
	given := make([]*syntax.Node, len(all))
	main := slices.IndexFunc(all, func(f field) bool { return f.main })
	switch {
	case n.Kind == syntax.Map:
		for _, f := range n.Fields {
			if i := indexOf(all, f.Key.Text); i >= 0 {
				given[i] = f.Value
				continue
			}
			c.add(f.Key.Problem("schema/unknown-key", fmt.Sprintf("%q is not a key of %s", f.Key.Text, path), nearOrAll(f.Key.Text, namesOf(all))))
		}
	case main >= 0 && !n.IsNull():
		given[main] = n
	case n.IsNull():
		c.add(n.Problem("schema/type", path+" is empty", "its keys: "+strings.Join(namesOf(all), ", ")))
		return constantValue(reflect.Zero(t))
	default:
		c.add(n.Problem("schema/type", fmt.Sprintf("%s is a mapping, this is %s", path, n.What()), ""))
		return constantValue(reflect.Zero(t))
	}
	return c.bindFields(n, t, all, given, path)
}

// evaluated is a field whose value is made at every execution.
type evaluated struct {
	field int // of all
	eval  func(s *scope) (reflect.Value, error)
}

// bindFields binds plain fields first and expressions second: what an
// expression may name can depend on the others. given has a node, or nil, for
// each of all fields.
func (c *compiler) bindFields(n *syntax.Node, t reflect.Type, all []field, given []*syntax.Node, path string) bound {
	var (
		shape    = reflect.New(t).Elem()
		namer, _ = shape.Addr().Interface().(ExprNamer)
		open     = make([]bool, len(all))
		dynamic  []evaluated
	)
	for _, late := range []bool{false, true} {
		for i, f := range all {
			if f.late != late {
				continue
			}
			before := len(c.problems)
			var b bound
			switch {
			case given[i] != nil:
				f.path = path + "." + f.name
				if late && namer != nil {
					f.extra = c.told.extra(namer.ExprNames(f.name), shape)
				}
				b = c.bind(given[i], f.typ, f)
			case f.fallback != "":
				b = c.bindFallback(n, &all[i])
			case f.required && !n.Misspells(f.name):
				c.add(n.Problem("schema/missing-key", fmt.Sprintf("%s needs %q", path, f.name), ""))
			}
			if b.value.IsValid() {
				shape.Field(f.index).Set(b.value)
			}
			if b.eval != nil {
				dynamic = append(dynamic, evaluated{i, b.eval})
			}
			// How many expressions there are is known, whatever their values.
			open[i] = b.eval != nil && !late || len(c.problems) > before
		}
	}
	if checker, ok := shape.Addr().Interface().(Checker); ok {
		at := &Places{node: n, fields: all, given: given, open: open}
		checker.Check(at)
		c.add(at.problems...)
	}
	if dynamic == nil {
		return constantValue(shape)
	}
	return bound{value: shape, eval: func(s *scope) (reflect.Value, error) {
		out, open := reflect.New(t).Elem(), make([]bool, len(all))
		out.Set(shape)
		for _, d := range dynamic {
			f := &all[d.field]
			v, err := d.eval(s)
			if s.postpone(path+"."+f.name, err) {
				open[d.field] = true
				continue
			}
			if err != nil {
				return v, err
			}
			out.Field(f.index).Set(v)
		}
		return out, checkAgain(out, &Places{node: n, fields: all, given: given, open: open})
	}}
}

// checkAgain looks at an argument struct whose last values were made just now.
func checkAgain(v reflect.Value, at *Places) error {
	checker, ok := v.Addr().Interface().(Checker)
	if !ok {
		return nil
	}
	checker.Check(at)
	errors := at.problems.Errors()
	if len(errors) == 0 {
		return nil
	}
	p := errors[0]
	return &Fault{Message: p.Message, Place: placeOf(p.Pos), Excerpt: at.node.Source().Excerpt(p.Pos, p.Width, p.Hint)}
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

// bindFallback is the value of a field that the runbook leaves out.
func (c *compiler) bindFallback(n *syntax.Node, f *field) bound {
	if !f.usual.value.IsValid() {
		f.usual = c.bind(&syntax.Node{Pos: n.Pos, Type: syntax.String, Text: f.fallback}, f.typ, *f)
	}
	return f.usual
}

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

func (c *compiler) bindSteps(n *syntax.Node) bound {
	parsed, problems := syntax.ParseSteps(n)
	c.add(problems...)
	c.ids(parsed)
	return constantValue(reflect.ValueOf(Steps{steps: c.steps(parsed, c.path+"/")}))
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
