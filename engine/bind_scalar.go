package engine

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"runbook/engine/syntax"
)

// bindScalar reads text, numbers, true or false, and durations; each may be or
// hold ${…}.
func (c *compiler) bindScalar(n *syntax.Node, t reflect.Type, f field) bound {
	if n.Kind != syntax.Scalar || n.Type == syntax.Null && f.fallback == "" {
		c.add(n.Problem("schema/type", fmt.Sprintf("%s is %s, this is %s", f.path, scalarName(t), n.What()), ""))
		return constantValue(reflect.Zero(t))
	}
	text := n.Text
	if strings.Contains(text, "${") {
		tmpl := c.template(n, exprSpec{})
		switch {
		case tmpl == nil:
			return constantValue(reflect.Zero(t))
		case !tmpl.constant():
			return insertedScalar(tmpl, t, f)
		}
		text = tmpl.plain()
	}
	v, err := parseScalar(text, t, f.enum)
	if err != nil {
		c.add(n.Problem("schema/type", fmt.Sprintf("%s: %s", f.path, err), syntax.DidYouMean(n.Text, f.enum)))
		return constantValue(reflect.Zero(t))
	}
	return constantValue(v)
}

func insertedScalar(tmpl *template, t reflect.Type, f field) bound {
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
	wrong := func() error { return fmt.Errorf("%q is not %s", text, scalarName(t)) }
	switch {
	case t == typeDuration:
		d, err := parseDuration(text)
		if err != nil {
			return v, wrong()
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
			return v, wrong()
		}
		v.SetInt(i)
	case reflect.Float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return v, wrong()
		}
		v.SetFloat(x)
	case reflect.Bool:
		switch text {
		case "true":
			v.SetBool(true)
		case "false":
		default:
			return v, wrong()
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
