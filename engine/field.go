package engine

import (
	"reflect"
	"strings"
)

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
	usual    bound  // what that is, once it was asked for
	late     bool   // bound after the others, see namesMatter
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
		f := field{index: i, name: snake(sf.Name), typ: sf.Type, fallback: sf.Tag.Get("default"), late: namesMatter(sf.Type)}
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

// namesOf are the names of fields.
func namesOf(all []field) []string {
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = f.name
	}
	return names
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
