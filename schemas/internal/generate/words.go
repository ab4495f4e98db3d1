package main

import (
	"fmt"
	"strings"
	"unicode"

	"runbook/engine"
)

// typeWord is a type in the language's words, with a link to where a struct is
// described.
func typeWord(t engine.Type, enum []string) string {
	switch t.Kind {
	case engine.KindList:
		return "list of " + plural(typeWord(*t.Elem, enum))
	case engine.KindMap:
		return typeWord(*t.Elem, enum) + " by name"
	case engine.KindStruct:
		word := structWord(t.Struct)
		return fmt.Sprintf("[%s](#%s)", word, strings.ReplaceAll(word, " ", "-"))
	}
	if len(enum) > 0 {
		return alternatives(enum)
	}
	return string(t.Kind)
}

// plural is right for the words there are: a list of texts is a "list of text".
func plural(word string) string {
	switch word {
	case string(engine.KindDuration), string(engine.KindQuery), string(engine.KindExpr), string(engine.KindCondition), string(engine.KindRow):
		return strings.Replace(word+"s", "querys", "queries", 1)
	default:
		return word
	}
}

func alternatives(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = "`" + v + "`"
	}
	if len(quoted) == 1 {
		return quoted[0]
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

// structWord is a Go name in words: QueryFigures is "query figures".
func structWord(s *engine.Struct) string {
	var b strings.Builder
	for i, r := range s.Name {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// kindHelp says what the words mean, in the order of the index page.
func kindHelp() [][]string {
	return [][]string{
		{string(engine.KindText), "text, into which `${…}` inserts values"},
		{string(engine.KindWhole) + ", " + string(engine.KindNumber) + ", " + string(engine.KindBool), "the value, or one `${…}` that gives it"},
		{string(engine.KindDuration), "`500ms`, `5s`, `1m30s`, `2h`, `3d`, or one `${…}` that gives it"},
		{string(engine.KindSQL), "SQL text; `${x}` inserts a literal of the value's type, `${ident(x)}` a quoted name, `${raw(x)}` the text as it is"},
		{string(engine.KindFile), "the name of a file, relative to the runbook"},
		{string(engine.KindQuery), "a name of `queries`, SQL text, or `{title, sql, args}`"},
		{string(engine.KindExpr), "an expression, written bare: `orders_before + 1`"},
		{string(engine.KindCondition), "an expression that is true or false"},
		{string(engine.KindSteps), "a list of steps"},
		{"list of …", "a list; one bare value stands for a list of one"},
		{"… by name", "a mapping from names that you choose"},
	}
}
