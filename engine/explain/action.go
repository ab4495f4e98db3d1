package explain

// actions are problems of the arguments of one action.
func actions() []Problem {
	return []Problem{
		{
			Code: "assert/empty", Title: "An assertion states nothing",
			About: `An empty list holds of everything, so the assertion could not fail. Write what must hold, or remove the step.`,
			Wrong: `
steps:
  - assert: []
`,
			Right: `
steps:
  - sql: SELECT 1
    register: answer
  - assert: [answer == 1]
`,
		},
		{
			Code: "benchmark/empty", Title: "A benchmark times no query",
			About: `queries is an empty list. Name entries of queries, or write SQL in place.`,
			Wrong: `
steps:
  - benchmark: {stage: before, queries: []}
`,
			Right: `
steps:
  - benchmark: {stage: before, queries: [SELECT 1]}
`,
		},
		{
			Code: "benchmark/twice", Title: "A benchmark has a query twice",
			About: `Results are kept by the name of the query, so one of the two would be lost. Take more samples instead.`,
			Wrong: `
queries: {one: SELECT 1}
steps:
  - benchmark: {stage: before, queries: [one, one]}
`,
			Right: `
queries: {one: SELECT 1}
steps:
  - benchmark: {stage: before, queries: [one], samples: 40}
`,
		},
		{
			Code: "benchmark/args", Title: "The simple protocol carries no arguments",
			About: `args travel beside the statement, which PostgreSQL's simple protocol does not know. Use protocol extended or prepared,
				or insert the values by ${…}.`,
			Wrong: `
queries:
  one: {sql: "SELECT $1::int", args: ["random(1, 9)"]}
steps:
  - benchmark: {stage: before, queries: [one], protocol: simple}
`,
			Right: `
queries:
  one: {sql: "SELECT $1::int", args: ["random(1, 9)"]}
steps:
  - benchmark: {stage: before, queries: [one], protocol: extended}
`,
		},
		{
			Code: "benchmark/statements", Title: "A query of a benchmark is several statements",
			About: `A benchmark times one statement, from its sending to its last row. Make a query of each, or put them into a function.`,
			Wrong: `
steps:
  - benchmark: {stage: before, queries: ["SELECT 1; SELECT 2"]}
`,
			Right: `
steps:
  - benchmark: {stage: before, queries: [SELECT 1, SELECT 2]}
`,
		},
		{
			Code: "distribute/tables", Title: "A step names one table and several, or none",
			About: `distribute and undistribute take one table, under table, or a list of them, under tables.`,
			Wrong: `
steps:
  - distribute: {table: orders, tables: [line_items], column: store_id}
`,
			Right: `
steps:
  - distribute: {tables: [orders, line_items], column: store_id}
`,
		},
		{
			Code: "distribute/colocate-with", Title: "A table is to lie beside itself",
			About: `colocate_with names a table that is distributed already. The tables of one step lie beside the first of them when it
				is left out.`,
			Wrong: `
steps:
  - distribute: {tables: [stores, products], column: store_id, colocate_with: stores}
`,
			Right: `
steps:
  - distribute: {tables: [stores, products], column: store_id}
`,
		},
		{
			Code: "distribute/shard-count", Title: "A colocated table has a shard count of its own",
			About: `Tables that lie side by side have the same number of shards, that of the table named by colocate_with. Leave
				shard_count or colocate_with out.`,
			Wrong: `
steps:
  - distribute: {table: products, column: store_id, colocate_with: stores, shard_count: 64}
`,
			Right: `
steps:
  - distribute: {table: products, column: store_id, colocate_with: stores}
`,
		},
		{
			Code: "distribute/lock-timeout", Title: "A distribution would wait longer for a lock than deadlock_timeout",
			About: `The lock that a distribution needs can deadlock with the application. After deadlock_timeout, 1s by default, PostgreSQL
				ends one of the two, and that may be the application's transaction. With a lock_timeout below it, this side gives
				up and tries again.`,
			Wrong: `
steps:
  - distribute: {table: stores, column: store_id, lock_timeout: 2s}
`,
			Right: `
steps:
  - distribute: {table: stores, column: store_id, lock_timeout: 200ms}
`,
		},
		{
			Code: "probe/source", Title: "A probe has no query, or two",
			About: `A probe repeats one query while steps run: either its own, under sql, or a builtin one.`,
			Wrong: `
steps:
  - parallel-monitor:
      probes:
        waits: {builtin: blockers, sql: SELECT 1}
      steps:
        - sql: SELECT 1
`,
			Right: `
steps:
  - parallel-monitor:
      probes:
        waits: {builtin: blockers}
      steps:
        - sql: SELECT 1
`,
		},
		{
			Code: "probe/sighting", Title: "A builtin probe has a condition of its own",
			About: `A builtin probe knows which samples are sightings. To decide that yourself, write the query as sql.`,
			Wrong: `
steps:
  - parallel-monitor:
      probes:
        waits: {builtin: blockers, sighting: len(rows) > 1}
      steps:
        - sql: SELECT 1
`,
			Right: `
steps:
  - parallel-monitor:
      probes:
        waits: {builtin: blockers}
      steps:
        - sql: SELECT 1
`,
		},
		{
			Code: "load/pace", Title: "A load has a rate and a pause",
			About: `With rate, executions are due at even intervals whatever became of those before, as those of many users are. With
				pause, a connection rests between the end of one and the next. Choose the one that is like your application.`,
			Wrong: `
steps:
  - parallel-monitor:
      load:
        shops: {sql: SELECT create_orders(200), rate: 5, pause: 500ms}
      steps:
        - sql: SELECT 1
`,
			Right: `
steps:
  - parallel-monitor:
      load:
        shops: {sql: SELECT create_orders(200), rate: 5}
      steps:
        - sql: SELECT 1
`,
		},
		{
			Code: "load/statements", Title: "A load is several statements",
			About: `A load repeats one statement as an application would, and times each. Put several into a function.`,
			Wrong: `
steps:
  - parallel-monitor:
      load:
        shops: {sql: "SELECT 1; SELECT 2"}
      steps:
        - sql: SELECT 1
`,
			Right: `
steps:
  - parallel-monitor:
      load:
        shops: {sql: SELECT create_orders(200)}
      steps:
        - sql: SELECT 1
`,
		},
		{
			Code: "wait/statements", Title: "A wait polls several statements",
			About: `A wait repeats one query until its condition holds of the result. Write one query that has all the answer.`,
			Wrong: `
steps:
  - wait:
      for: a reload
      tell: Reload the configuration.
      sql: SELECT 1; SHOW work_mem
      until: value == '4MB'
`,
			Right: `
steps:
  - wait:
      for: a reload
      tell: Reload the configuration.
      sql: SHOW work_mem
      until: value == '4MB'
`,
		},
	}
}
