package explain

// schema are problems of the shape of a runbook.
func schema() []Problem {
	return []Problem{
		{
			Code: "schema/no-runbook", Title: "The file is no runbook",
			About: `The file is valid YAML and has neither runbook: v1 nor steps, so it is likely something else: a compose file, a
				workflow, a list of variables. Nothing else of it was checked.`,
			Whole: true,
			Wrong: `
services:
  database: {image: postgres}
`,
			Right: `
steps:
  - sql: SELECT 1
`,
		},
		{
			Code: "schema/version", Title: "This program reads another version of the language",
			About: `The key runbook says which version of the language the file is written in, so that a later program can read it as it
				was meant. There is v1.`,
			Whole: true,
			Wrong: `
runbook: v2
steps:
  - sql: SELECT 1
`,
			Right: `
steps:
  - sql: SELECT 1
`,
		},
		{
			Code: "schema/missing-key", Title: "A key is missing",
			About: `Something cannot be without a key that is not there: a runbook without steps, a query without sql, a distribution
				without its column. The page of each action, runbook actions NAME, says which arguments are required.`,
			Wrong: `
steps:
  - distribute: {table: stores}
`,
			Right: `
steps:
  - distribute: {table: stores, column: store_id}
`,
		},
		{
			Code: "schema/unknown-key", Title: "A key is not known here",
			About: `No key of this name exists at this place. It would do nothing, and a misspelt lock_timeout that does nothing is found at
				night. Mend the name, or move the key to where it belongs.`,
			Wrong: `
steps:
  - sql: SELECT 1
    regster: answer
`,
			Right: `
steps:
  - sql: SELECT 1
    register: answer
  - assert: answer == 1
`,
		},
		{
			Code: "schema/misplaced-key", Title: "An argument stands beside the action instead of in it",
			About: `The arguments of an action stand beside its short form (assert: a == b), or inside its mapping, and not in both
				places. Move the argument into the mapping.`,
			Wrong: `
steps:
  - sql:
      statements: SELECT 1
    show: true
`,
			Right: `
steps:
  - sql:
      statements: SELECT 1
      show: true
`,
		},
		{
			Code: "schema/type", Title: "A value is of the wrong kind",
			About: `A list stands where one value is wanted, text where a number is, 5 where a duration needs its unit (5s), or a number is
				out of its range. The message says what was found and what is wanted. A value that begins with { or [ and is meant
				as text needs quotes.`,
			Wrong: `
steps:
  - sql: SELECT 1
    timeout: 5
`,
			Right: `
steps:
  - sql: SELECT 1
    timeout: 5s
`,
		},
		{
			Code: "schema/name", Title: "A name cannot be a name",
			About: `What is registered, a variable or an id is used in expressions, so its name has letters, digits and underscores and
				does not begin with a digit. The connection main is always there and is not declared.`,
			Wrong: `
steps:
  - sql: SELECT 1
    register: order-count
`,
			Right: `
steps:
  - sql: SELECT 1
    register: order_count
  - assert: order_count == 1
`,
		},
		{
			Code: "schema/empty", Title: "A list of steps is empty",
			About: `A runbook or a group without steps does nothing. Remove it, or write what it is to do.`,
			Wrong: `
steps: []
`,
			Right: `
steps:
  - sql: SELECT 1
`,
		},
		{
			Code: "schema/no-action", Title: "A step does nothing",
			About: `A step has exactly one action, or is a group of steps. This one has only keys that say how something is done. runbook
				actions lists what a step can do.`,
			Wrong: `
steps:
  - name: Think about it
`,
			Right: `
steps:
  - name: Look at it
    sql: SELECT 1
`,
		},
		{
			Code: "schema/two-actions", Title: "A step does two things",
			About: `A step has exactly one action, so that it succeeds or fails as one and resume knows what was done. Make two steps of
				it, in a group if they belong together. A missing - before the second one is the usual reason.`,
			Wrong: `
steps:
  - sql: SELECT 1
    assert: 1 < 2
`,
			Right: `
steps:
  - sql: SELECT 1
    register: answer
  - assert: answer < 2
`,
		},
		{
			Code: "schema/group-key", Title: "A step that is no group has keys of one",
			About: `steps, rescue and always belong to a group: group: TITLE makes one of the step. An action that runs steps, such as
				parallel-monitor, has them inside its own mapping.`,
			Wrong: `
steps:
  - sql: SELECT 1
    always:
      - sql: SELECT 2
`,
			Right: `
steps:
  - group: Look twice
    steps:
      - sql: SELECT 1
    always:
      - sql: SELECT 2
`,
		},
		{
			Code: "schema/register", Title: "There is nothing of that kind to register",
			About: `register: NAME takes the one value of a query or the whole result of another action, register: {row: NAME} the one row
				and register: {rows: NAME} all rows of a query. A group has no result, and an action without rows has none to
				register. Register inside the group.`,
			Wrong: `
steps:
  - group: Count
    register: orders
    steps:
      - sql: SELECT 1
`,
			Right: `
steps:
  - group: Count
    steps:
      - sql: SELECT 1
        register: orders
  - assert: orders == 1
`,
		},
		{
			Code: "schema/unbounded", Title: "A loop has no end",
			About: `A retry without attempts and for, or a repeat without for, could go on all night. Say how often or how long; when the
				bound is reached the step fails and shows the last state.`,
			Wrong: `
steps:
  - sql: SELECT 1
    retry: {delay: 1s}
`,
			Right: `
steps:
  - sql: SELECT 1
    retry: {delay: 1s, for: 60s}
`,
		},
		{
			Code: "schema/unknown-connection", Title: "No connection has this name",
			About: `A step runs on the connection main unless it names another, which the runbook declares under connections.`,
			Wrong: `
steps:
  - sql: SELECT 1
    connection: side
`,
			Right: `
connections: {side: }
steps:
  - sql: SELECT 1
    connection: side
`,
		},
		{
			Code: "schema/unknown-condition", Title: "PostgreSQL has no such error condition",
			About: `retry.on lists the errors that another attempt may help against: a SQLSTATE such as 55P03, its name such as
				lock_not_available, or a class of two characters such as 40. A misspelt one would never match.`,
			Wrong: `
steps:
  - sql: SELECT 1
    retry: {on: lock_not_availible, attempts: 3}
`,
			Right: `
steps:
  - sql: SELECT 1
    retry: {on: lock_not_available, attempts: 3}
`,
		},
		{
			Code: "schema/unknown-query", Title: "No query has this name",
			About: `A single word where a query is wanted is the name of an entry of queries. Mend the name, or write the SQL in place.`,
			Wrong: `
queries:
  top_products: SELECT 1
steps:
  - benchmark: {stage: before, queries: [top_product, top_products]}
`,
			Right: `
queries:
  top_products: SELECT 1
steps:
  - benchmark: {stage: before, queries: [top_products]}
`,
		},
	}
}
