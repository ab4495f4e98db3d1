package explain

// statements are problems of SQL.
func statements() []Problem {
	return []Problem{
		{
			Code: "sql/no-statements", Title: "An sql step has no statements",
			About: `The step names none of statements, file and query, so there is nothing to send.`,
			Wrong: `
steps:
  - sql: {show: true}
`,
			Right: `
steps:
  - sql: {statements: SELECT 1, show: true}
`,
		},
		{
			Code: "sql/two-sources", Title: "An sql step takes its statements from two places",
			About: `statements, file and query exclude each other: which of them would come first? Make two steps of it.`,
			Wrong: `
queries: {one: SELECT 1}
steps:
  - sql: {query: one, statements: SELECT 2}
`,
			Right: `
queries: {one: SELECT 1}
steps:
  - sql: {query: one}
  - sql: SELECT 2
`,
		},
		{
			Code: "sql/args", Title: "Arguments are given to several statements",
			About: `args are sent beside one statement as $1, $2, …; PostgreSQL does not share them among several. Insert the values by
				${…}, or make a step of each statement.`,
			Wrong: `
vars: {store: 5}
steps:
  - sql: {statements: SELECT $1; SELECT 2, args: [store]}
`,
			Right: `
vars: {store: 5}
steps:
  - sql: {statements: SELECT $1, args: [store]}
  - sql: SELECT 2
`,
		},
		{
			Code: "sql/two-args", Title: "A query has arguments from two places",
			About: `A query of queries brings its own args, and the step that uses it gives others. Keep those of one side.`,
			Wrong: `
vars: {store: 5}
queries:
  one: {sql: SELECT $1, args: [store]}
steps:
  - sql: {query: one, args: [store]}
`,
			Right: `
vars: {store: 5}
queries:
  one: {sql: SELECT $1, args: [store]}
steps:
  - sql: {query: one}
`,
		},
		{
			Code: "sql/not-in-transaction", Title: "A statement cannot run in a transaction",
			About: `PostgreSQL refuses some statements inside a transaction: CREATE INDEX CONCURRENTLY, VACUUM, ALTER SYSTEM and others.
				They cannot be rolled back, so they stand in a step of their own, without transaction: true.`,
			Wrong: `
steps:
  - sql:
      transaction: true
      statements: CREATE INDEX CONCURRENTLY orders_store ON orders (store_id)
`,
			Right: `
steps:
  - sql: CREATE INDEX CONCURRENTLY orders_store ON orders (store_id)
`,
		},
		{
			Code: "sql/two-transactions", Title: "BEGIN or COMMIT stands inside transaction: true",
			About: `transaction: true sends BEGIN and COMMIT by itself. A COMMIT among the statements would end the transaction early,
				and what follows it would hold even when the step fails. Leave one of the two out. SAVEPOINT is allowed.`,
			Wrong: `
steps:
  - sql:
      transaction: true
      statements: |
        BEGIN;
        UPDATE stores SET open = true;
        COMMIT;
`,
			Right: `
steps:
  - sql:
      transaction: true
      statements: |
        UPDATE stores SET open = true;
`,
		},
		{
			Code: FromServer, Title: "The server refuses a statement",
			About: `runbook validate --dsn has the server prepare each statement, in a READ ONLY transaction and without running it. The
				code names the condition of the server's answer: sql/undefined_table, sql/undefined_column, sql/syntax_error. What an
				earlier step of the runbook creates is taken into account. Mend the statement, or check against the database that
				the runbook is for.`,
		},
	}
}
