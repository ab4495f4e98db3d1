package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"runbook/engine"
	"runbook/engine/syntax"
	"runbook/runbooks"
	"runbook/schemas"
)

// compiled is the schema, checked against the schema of schemas.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(schemas.Runbook)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("runbook.schema.json", tree); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("runbook.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func languageTree(t *testing.T) *object {
	t.Helper()
	tree, err := readJSON(json.NewDecoder(bytes.NewReader(language)))
	if err != nil {
		t.Fatal(err)
	}
	return tree.(*object)
}

// instance reads YAML as the program does.
func instance(t *testing.T, src string) any {
	t.Helper()
	n, problems := syntax.ParseValue(src)
	if problems != nil {
		t.Fatal(problems)
	}
	text, err := json.Marshal(jsonOf(n))
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestSchemaAcceptsShippedRunbooks(t *testing.T) {
	schema := compiled(t)
	seen := 0
	err := fs.WalkDir(runbooks.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".yaml" {
			return err
		}
		seen++
		src, err := fs.ReadFile(runbooks.FS, name)
		if err != nil {
			return err
		}
		if err := schema.Validate(instance(t, string(src))); err != nil {
			t.Errorf("%s: %s", name, err)
		}
		return nil
	})
	if err != nil || seen == 0 {
		t.Fatal(seen, err)
	}
}

// TestSchemaAccepts and TestSchemaRefuses hold the schema to the program: what
// is here is good, or wrong, for both.
func TestSchemaAccepts(t *testing.T) {
	schema := compiled(t)
	for name, src := range map[string]string{
		"short form":             "steps: [{sql: SELECT 1}]",
		"arguments beside it":    "steps: [{sql: SELECT $1, args: [1], max_rows: 5}]",
		"one for a list":         "steps: [{assert: true, message: yes}]",
		"assert in long form":    "steps: [{assert: {that: 1 == 1}}]",
		"insertion of a number":  "vars: {n: 5}\nsteps: [{sql: {statements: SELECT 1, max_rows: '${n}'}}]",
		"insertion of a flag":    "vars: {c: true}\nsteps: [{distribute: {table: t, column: c, concurrently: '${c}'}}]",
		"insertion of a choice":  "vars: {k: keep}\nsteps: [{distribute: {table: t, column: c, foreign_keys: '${k}'}}]",
		"a number as text":       "steps: [{name: 5, sql: SELECT 1}]",
		"durations":              "steps: [{sql: SELECT 1, timeout: 1m30s}, {sql: SELECT 1, timeout: 1.5h}, {sql: SELECT 1, timeout: 3d}]",
		"a duration of zero":     "steps: [{group: g, repeat: {until: true, every: 0, for: 1s}, steps: [{sql: SELECT 1}]}]",
		"empty vars":             "vars:\nsteps: [{sql: SELECT 1}]",
		"queries":                "queries: {a: SELECT 1, b: {title: B, sql: SELECT $1, args: 1}}\nsteps: [{benchmark: {stage: s, queries: [a, b, SELECT 2, {sql: SELECT 3}]}}]",
		"connections":            "connections: {a: , b: {dsn: 'dbname=x'}}\nsteps: [{sql: SELECT 1, connection: a}, {sql: SELECT 1, connection: b}]",
		"secrets":                "vars: {token: x}\nsecrets: token\nsteps: [{sql: SELECT 1}]",
		"register of a row":      "steps: [{sql: SELECT 1 AS a, register: {row: r}}, {assert: r.a == 1}]",
		"rescue":                 "steps: [{group: g, steps: [{sql: SELECT 1}], rescue: {recovered: true, steps: [{sql: SELECT 2}]}, always: [{sql: SELECT 3}]}]",
		"retry":                  "steps: [{sql: SELECT 1, retry: {attempts: 3, delay: 1s, backoff: 2, max_delay: 5s, for: 1m, on: [lock_not_available, '40']}}]",
		"for_each":               "vars: {list: [1, 2]}\nsteps: [{for_each: {x: list}, sql: 'SELECT ${x}'}]",
		"settings":               "steps: [{sql: SELECT 1, settings: {lock_timeout: 2s, work_mem: 4MB, jit: off, geqo_seed: 0.5}}]",
		"probes and load, short": "steps: [{parallel-monitor: {probes: {p: SELECT 1}, load: {l: SELECT 1}, steps: [{sql: SELECT 1}]}}]",
	} {
		t.Run(name, func(t *testing.T) {
			src := exampleRunbook(src)
			if problems := problemsOf("book.yaml", src, engine.Files{FS: os.DirFS("."), Base: "."}); len(problems) > 0 {
				t.Errorf("the program refuses it:\n%s", printed("book.yaml", src, problems))
			}
			if err := schema.Validate(instance(t, src)); err != nil {
				t.Errorf("the schema refuses it: %s", err)
			}
		})
	}
}

func TestSchemaRefuses(t *testing.T) {
	schema := compiled(t)
	for name, src := range map[string]string{
		"no steps":                        "name: x",
		"an empty list of steps":          "steps: []",
		"steps that are a mapping":        "steps: {sql: SELECT 1}",
		"another version":                 "steps: [{sql: SELECT 1}]\nrunbook: v2",
		"an unknown key":                  "steps: [{sql: SELECT 1}]\nvarz: {a: 1}",
		"an unknown key of a step":        "steps: [{sql: SELECT 1, registr: x}]",
		"an unknown action":               "steps: [{sqll: SELECT 1}]",
		"no action":                       "steps: [{name: x}]",
		"two actions":                     "steps: [{sql: SELECT 1, assert: true}]",
		"a group with an action":          "steps: [{group: x, steps: [{sql: SELECT 1}], sql: SELECT 1}]",
		"a group without steps":           "steps: [{group: x}]",
		"steps without a group":           "steps: [{sql: SELECT 1, steps: [{sql: SELECT 1}]}]",
		"always without a group":          "steps: [{sql: SELECT 1, always: [{sql: SELECT 1}]}]",
		"an unknown argument":             "steps: [{distribute: {table: t, colum: c}}]",
		"a missing argument":              "steps: [{distribute: {table: t}}]",
		"text for a flag":                 "steps: [{distribute: {table: t, column: c, concurrently: maybe}}]",
		"text for a whole number":         "steps: [{sql: {statements: SELECT 1, max_rows: many}}]",
		"a fraction for a whole number":   "steps: [{sql: {statements: SELECT 1, max_rows: 1.5}}]",
		"none of the choices":             "steps: [{distribute: {table: t, column: c, foreign_keys: drop}}]",
		"a list for text":                 "steps: [{distribute: {table: [t], column: c}}]",
		"an action without a value":       "steps: [{sql: }]",
		"SQL that is a list":              "steps: [{sql: [SELECT 1]}]",
		"another action's argument":       "steps: [{assert: true, max_rows: 5}]",
		"an argument beside the mapping":  "steps: [{assert: {that: true}, message: m}]",
		"an argument beside no short one": "steps: [{distribute: {table: t}, column: c}]",
		"a duration without a unit":       "steps: [{sql: SELECT 1, timeout: 5}]",
		"a duration of another unit":      "steps: [{sql: SELECT 1, timeout: 5 minutes}]",
		"an insertion in an expression":   "vars: {a: 1}\nsteps: [{assert: '${a} == 1'}]",
		"a list for an expression":        "steps: [{sql: SELECT 1, when: [true]}]",
		"a retry without an end":          "steps: [{sql: SELECT 1, retry: {delay: 1s}}]",
		"a retry of no key":               "steps: [{sql: SELECT 1, retry: {times: 3}}]",
		"a repeat without an end":         "steps: [{sql: SELECT 1, repeat: {until: true}}]",
		"a repeat without until":          "steps: [{sql: SELECT 1, repeat: {for: 1s}}]",
		"two loop variables":              "vars: {l: [1]}\nsteps: [{for_each: {a: l, b: l}, sql: SELECT 1}]",
		"a name with a space":             "vars: {a b: 1}\nsteps: [{sql: SELECT 1}]",
		"register of two":                 "steps: [{sql: SELECT 1, register: {row: a, rows: b}}]",
		"register of a part unknown":      "steps: [{sql: SELECT 1, register: {value: a}}]",
		"settings that are text":          "steps: [{sql: SELECT 1, settings: lock_timeout=2s}]",
		"a setting that is a list":        "steps: [{sql: SELECT 1, settings: {search_path: [a, b]}}]",
		"rescue with an unknown key":      "steps: [{group: g, steps: [{sql: SELECT 1}], rescue: {recover: true, steps: [{sql: SELECT 1}]}}]",
		"a query without sql":             "queries: {a: {title: A}}\nsteps: [{sql: SELECT 1}]",
		"a query with an unknown key":     "queries: {a: {sql: SELECT 1, arg: 1}}\nsteps: [{sql: SELECT 1}]",
		"a connection called main":        "connections: {main: }\nsteps: [{sql: SELECT 1}]",
		"a sandbox of an unknown key":     "sandbox: {worker: 2}\nsteps: [{sql: SELECT 1}]",
		"too many workers":                "sandbox: {workers: 99}\nsteps: [{sql: SELECT 1}]",
		"a probe of an unknown key":       "steps: [{parallel-monitor: {probes: {p: {sql: SELECT 1, evry: 1s}}, steps: [{sql: SELECT 1}]}}]",
		"a wrong step inside a monitor":   "steps: [{parallel-monitor: {steps: [{sqll: SELECT 1}]}}]",
		"a monitor without steps":         "steps: [{parallel-monitor: {probes: {p: SELECT 1}}}]",
		"a wrong step inside a rescue":    "steps: [{group: g, steps: [{sql: SELECT 1}], rescue: [{name: x}]}]",
	} {
		t.Run(name, func(t *testing.T) {
			if name != "another version" {
				src = exampleRunbook(src)
			}
			if problems := problemsOf("book.yaml", src, engine.Files{FS: os.DirFS("."), Base: "."}); len(problems) == 0 {
				t.Error("the program accepts it")
			}
			if schema.Validate(instance(t, src)) == nil {
				t.Error("the schema accepts it")
			}
		})
	}
}
