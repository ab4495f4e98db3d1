package explain

// expressions are problems of expressions and of the texts they are inserted in.
func expressions() []Problem {
	return []Problem{
		{
			Code: "expr/syntax", Title: "An expression cannot be read",
			About: `The text is no expression of the language. SQL habits are the usual reason: write == for =, != for <>, == nil for IS
				NULL, and, or and not in lower case. Text stands in single or double quotes.`,
			Wrong: `
steps:
  - sql: SHOW work_mem
    register: work_mem
  - assert: work_mem = '4MB'
`,
			Right: `
steps:
  - sql: SHOW work_mem
    register: work_mem
  - assert: work_mem == '4MB'
`,
		},
		{
			Code: "expr/type", Title: "Types do not fit together",
			About: `A whole number is compared with text, a condition is no yes or no, or a function gets what it cannot take. Such a
				comparison would always be false, and a check that is always false, or never, checks nothing.`,
			Wrong: `
steps:
  - id: update
    sql: UPDATE stores SET open = true
  - assert: steps.update.affected == 'all'
`,
			Right: `
steps:
  - id: update
    sql: UPDATE stores SET open = true
  - assert: steps.update.affected == 5
`,
		},
		{
			Code: "expr/insertion", Title: "A field that is an expression has ${…}",
			About: `when, assert, until, sighting, abort_if and pause_if are expressions already and are written bare. ${…} inserts a value into
				text.`,
			Wrong: `
vars: {stores: 5}
steps:
  - sql: SELECT 1
    when: ${stores} > 3
`,
			Right: `
vars: {stores: 5}
steps:
  - sql: SELECT 1
    when: stores > 3
`,
		},
		{
			Code: "expr/unknown-name", Title: "No value has this name here",
			About: `Nothing before this place gives the name a value: no variable, no loop, no earlier step that registers it. A step sees
				what earlier steps register, and its own register only in repeat.until. failure is known in the steps of a rescue,
				ident and raw in SQL text.`,
			Wrong: `
steps:
  - sql: SHOW work_mem
    register: work_mem
  - assert: workmem == '4MB'
`,
			Right: `
steps:
  - sql: SHOW work_mem
    register: work_mem
  - assert: work_mem == '4MB'
`,
		},
		{
			Code: "expr/unknown-step", Title: "No earlier step has this id",
			About: `steps.ID is the result of a step that comes earlier and has an action. A group has no result, and a step without id
				can be named only by what it registers.`,
			Wrong: `
steps:
  - id: check
    sql: SELECT 1
  - assert: len(steps.chek.rows) == 1
`,
			Right: `
steps:
  - id: check
    sql: SELECT 1
  - assert: len(steps.check.rows) == 1
`,
		},
		{
			Code: "expr/unknown-field", Title: "A result has no such field",
			About: `The result of an action has the fields that its page lists: runbook actions NAME. With --dsn the columns of a query
				are known too.`,
			Wrong: `
steps:
  - id: check
    sql: SELECT 1
  - assert: len(steps.check.rowz) == 1
`,
			Right: `
steps:
  - id: check
    sql: SELECT 1
  - assert: len(steps.check.rows) == 1
`,
		},
		{
			Code: "template/syntax", Title: "An insertion is not complete",
			About: `${ begins an insertion and } ends it, with an expression between them. To write a literal ${ put a backslash before
				it: \${.`,
			Wrong: `
vars: {store: 5}
steps:
  - sql: SELECT ${store
`,
			Right: `
vars: {store: 5}
steps:
  - sql: SELECT ${store}
`,
		},
		{
			Code: "template/quoted", Title: "An insertion stands inside quotes",
			About: `In SQL ${…} becomes a complete literal of its type, with its own quotes. Inside quotes it would be quoted twice. Leave
				the quotes out, and put text together with || or in the expression: ${'%' + name}.`,
			Wrong: `
vars: {city: Oslo}
steps:
  - sql: SELECT * FROM stores WHERE city = '${city}'
`,
			Right: `
vars: {city: Oslo}
steps:
  - sql: SELECT * FROM stores WHERE city = ${city}
`,
		},
	}
}
