package explain

// names are problems of what things are called.
func names() []Problem {
	return []Problem{
		{
			Code: "name/reserved", Title: "A name belongs to the language",
			About: `Expressions read this name as something else: a word such as not and in, or a name that an action or the run gives a
				meaning, such as rows, value, steps and failure. Choose another one.`,
			Wrong: `
steps:
  - sql: SELECT 1
    register: value
  - assert: value == 1
`,
			Right: `
steps:
  - sql: SELECT 1
    register: answer
  - assert: answer == 1
`,
		},
		{
			Code: "name/builtin", Title: "A name would hide a function",
			About: `Variables and registered values share the names of expressions with their functions. A variable called count would
				take count(…) away from all of them. Choose another name.`,
			Wrong: `
steps:
  - sql: SELECT 1
    register: count
  - assert: count == 1
`,
			Right: `
steps:
  - sql: SELECT 1
    register: orders
  - assert: orders == 1
`,
		},
		{
			Code: "name/clash", Title: "A name is taken",
			About: `Variables, loop variables and registered values share one set of names, so that a name means one thing in the whole
				file. Registering a name again is allowed and replaces its value; giving it to another kind of thing is not.`,
			Wrong: `
vars: {store: 5}
steps:
  - sql: SELECT ${store}
    register: store
`,
			Right: `
vars: {store: 5}
steps:
  - sql: SELECT ${store}
    register: found
  - assert: found == store
`,
		},
		{
			Code: "name/duplicate-id", Title: "Two steps have one id",
			About: `steps.ID, --from and the journal of a run mean one step by its id, wherever it stands. Give each its own.`,
			Wrong: `
steps:
  - id: check
    sql: SELECT 1
  - id: check
    sql: SELECT 2
`,
			Right: `
steps:
  - id: check_first
    sql: SELECT 1
  - id: check_second
    sql: SELECT 2
`,
		},
		{
			Code: "name/unknown-secret", Title: "A secret is nothing that could be hidden",
			About: `secrets lists variables, and environment variables that the runbook uses as env.NAME, whose values no output may
				show. A name that is neither hides nothing, and the real secret would be in the journal.`,
			Wrong: `
vars: {password: x}
secrets: [pasword]
steps:
  - sql: SELECT ${password}
`,
			Right: `
vars: {password: x}
secrets: [password]
steps:
  - sql: SELECT ${password}
`,
		},
		{
			Code: "name/unknown-variable", Title: "No variable has this name",
			About: `sandbox.vars gives variables of the runbook another value in a rehearsal. It cannot make new ones, since the real run
				would not have them.`,
			Wrong: `
vars: {shops: 0}
sandbox:
  vars: {shop: 2}
steps:
  - sql: SELECT ${shops}
`,
			Right: `
vars: {shops: 0}
sandbox:
  vars: {shops: 2}
steps:
  - sql: SELECT ${shops}
`,
		},
	}
}
