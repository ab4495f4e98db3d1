package engine

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/file"

	"runbook/engine/syntax"
)

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

var quoted = regexp.MustCompile(`'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"`)

func withoutStrings(text string) string {
	return quoted.ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat("_", len(s)) })
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
