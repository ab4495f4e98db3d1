package postgres

import (
	"slices"
	"strings"
)

//go:generate go run ./internal/gensqlstate internal/gensqlstate/errcodes.txt sqlstate_gen.go

// condition is an SQLSTATE, or a class of them by two characters, with its name.
type condition struct {
	code string
	name string
}

// CodesFor returns the SQLSTATEs that a name stands for, to be used with
// [MatchCode]: a code "55P03", the name of a condition "lock_not_available", a
// class "40", or the name of a class "transaction_rollback". As in PL/pgSQL the
// name of a class covers all of it. Some names stand for several codes.
func CodesFor(name string) ([]string, bool) {
	if isCode(name) {
		return []string{name}, true
	}
	var codes []string
	for _, c := range conditions {
		if c.name == name {
			codes = append(codes, strings.TrimSuffix(c.code, "000"))
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes), len(codes) > 0
}

// isCode takes five characters for a code even if it is not listed: extensions
// and RAISE may use any.
func isCode(name string) bool {
	if len(name) == 2 {
		return slices.ContainsFunc(conditions, func(c condition) bool { return c.code == name })
	}
	return len(name) == 5 && strings.Trim(name, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// MatchCode says whether an SQLSTATE is one of codes, which may be classes.
func MatchCode(codes []string, sqlstate string) bool {
	return slices.ContainsFunc(codes, func(code string) bool {
		return strings.HasPrefix(sqlstate, code)
	})
}

// ConditionName is the name of an SQLSTATE, or of its class if it is not listed,
// or "".
func ConditionName(sqlstate string) string {
	class := ""
	for _, c := range conditions {
		switch {
		case c.code == sqlstate:
			return c.name
		case len(c.code) == 2 && strings.HasPrefix(sqlstate, c.code):
			class = c.name
		}
	}
	return class
}

// ConditionNames lists all names that [CodesFor] knows, sorted.
func ConditionNames() []string {
	names := make([]string, len(conditions))
	for i, c := range conditions {
		names[i] = c.name
	}
	slices.Sort(names)
	return slices.Compact(names)
}
