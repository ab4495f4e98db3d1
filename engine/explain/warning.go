package explain

// warnings are what runs and is unwise.
func warnings() []Problem {
	return []Problem{
		{
			Code: "name/maybe-missing", Warning: true, Title: "A name may have no value here",
			About: `The step that registers the name runs only under a condition: its when, a loop that may be empty, allow_failure, a
				rescue, or a failure that may come first. When it did not run, an expression that uses the name fails, also behind
				and and or. Put the use under the same when, or give the name a value in any case: a name may be registered
				again. Of a name that is registered under several conditions, one is taken to hold always.`,
			Wrong: `
vars: {ask: false}
steps:
  - when: ask
    sql: SELECT 1
    register: answer
  - assert: answer == 1
`,
			Right: `
vars: {ask: false}
steps:
  - when: ask
    sql: SELECT 1
    register: answer
  - when: ask
    assert: answer == 1
`,
		},
		{
			Code: "sql/not-idempotent", Warning: true, Title: "idempotent: true at a statement that is not",
			About: `idempotent: true says that running the statements twice is the same as running them once, so that they are sent again
				when their answer was lost. A plain INSERT adds its rows again, a CREATE without IF NOT EXISTS fails, and CREATE INDEX
				CONCURRENTLY IF NOT EXISTS passes over the INVALID index of a broken-off attempt. Leave the word out: statements that
				can be are wrapped in a transaction, and the server is asked what became of it. Or write the statement so that it can
				run twice.`,
			Wrong: `
steps:
  - sql: INSERT INTO settings VALUES ('sharded', 'yes')
    idempotent: true
`,
			Right: `
steps:
  - sql: INSERT INTO settings VALUES ('sharded', 'yes') ON CONFLICT DO NOTHING
    idempotent: true
`,
		},
		{
			Code: "name/unused", Warning: true, Title: "Nothing uses a name",
			About: `A variable or a registered value is named by no expression. Mostly the check that was to use it was forgotten, or uses
				another name. Use it, or remove it. An id that nothing uses is fine: the journal and --from use it.`,
			Wrong: `
steps:
  - sql: SELECT count(*) FROM orders
    register: orders_before
`,
			Right: `
steps:
  - sql: SELECT count(*) FROM orders
    register: orders_before
  - assert: orders_before > 0
`,
		},
		{
			Code: "query/unused", Warning: true, Title: "No step uses a query",
			About: `An entry of queries is used by no step: the benchmark that was to time it may lack it. Use it, or remove it.`,
			Wrong: `
queries: {one: SELECT 1, two: SELECT 2}
steps:
  - benchmark: {stage: before, queries: [one]}
`,
			Right: `
queries: {one: SELECT 1, two: SELECT 2}
steps:
  - benchmark: {stage: before, queries: [one, two]}
`,
		},
		{
			Code: "assert/always", Warning: true, Title: "An assertion cannot fail",
			About: `The expression holds whatever its values are: it is true, compares something with itself, or has an or that one side
				of always satisfies. It looks like a check, and is none.`,
			Wrong: `
steps:
  - sql: SELECT 1
    register: {rows: found}
  - assert: len(found) >= 0
`,
			Right: `
steps:
  - sql: SELECT 1
    register: {rows: found}
  - assert: len(found) > 0
`,
		},
		{
			Code: "template/raw", Warning: true, Title: "Raw text becomes part of a statement",
			About: `${raw(x)} puts x into the SQL as it is. If x comes from a table or from outside, whoever wrote it writes the statement.
				${x} is a quoted literal, ${ident(x)} a quoted name, and both are safe. Where nothing else will do, have the server
				quote the text and say so in a comment on the line before, with -- in SQL and # elsewhere, which silences the
				warning: -- allow template/raw: REASON.`,
			Wrong: `
vars: {table: orders}
steps:
  - sql: SELECT count(*) FROM ${raw(table)}
`,
			Right: `
vars: {table: orders}
steps:
  - sql: SELECT count(*) FROM ${ident(table)}
`,
		},
		{
			Code: "transaction/refused", Warning: true, Title: "A step stands in a transaction that it cannot run in",
			About: `An earlier step sends BEGIN and nothing before this one ends the transaction. A distribution, above all a concurrent one, commits by itself several times, and statements such as CREATE INDEX
				CONCURRENTLY are refused. Commit first; use transaction: true rather than BEGIN.`,
			Wrong: `
steps:
  - sql: BEGIN
  - distribute: {table: stores, column: store_id, concurrently: true}
  - sql: COMMIT
`,
			Right: `
steps:
  - distribute: {table: stores, column: store_id, concurrently: true}
`,
		},
		{
			Code: "allow/unused", Warning: true, Title: "A comment allows a warning that is not there",
			About: `A comment # allow CODE: REASON silences a warning of its own line or of the next. What it spoke of is gone, stands
				elsewhere now, or has another code. Left behind, it would silence the next warning there that nobody has looked
				at. Remove it, or put it where the warning is.`,
			Wrong: `
vars: {store: 5}
steps:
  # allow template/raw: the text stands in this file
  - sql: SELECT name FROM stores WHERE store_id = ${store}
`,
			Right: `
vars: {store: 5}
steps:
  - sql: SELECT name FROM stores WHERE store_id = ${store}
`,
		},
		{
			Code: "retry/not-transactional", Warning: true, Title: "A retry meets what the failed attempt has left",
			About: `A statement that cannot run in a transaction is not undone when it fails. CREATE INDEX CONCURRENTLY leaves an INVALID
				index: the next attempt fails because the name is taken, or IF NOT EXISTS takes it for done. Drop the index first,
				in the same retry.`,
			Wrong: `
steps:
  - sql: CREATE INDEX CONCURRENTLY orders_store ON orders (store_id)
    retry: {on: deadlock_detected, attempts: 3}
`,
			Right: `
steps:
  - sql: |
      DROP INDEX CONCURRENTLY IF EXISTS orders_store;
      CREATE INDEX CONCURRENTLY orders_store ON orders (store_id);
    retry: {on: deadlock_detected, attempts: 3}
`,
		},
		{
			Code: "lock/endless-wait", Warning: true, Title: "DDL waits for its lock without end",
			About: `DDL that waits for a lock makes all later readers or writers of the table wait behind it. lock_timeout 0 means without
				end: one long transaction then stops the application. Give up after 200ms or so and try again. A lock_timeout
				that is not given is 0 too, unless the role or the database has one; that is not warned of, because it is right for
				tables that nobody uses yet.`,
			Wrong: `
steps:
  - sql: ALTER TABLE orders ADD COLUMN note text
    settings: {lock_timeout: 0}
`,
			Right: `
steps:
  - sql: ALTER TABLE orders ADD COLUMN note text
    settings: {lock_timeout: 200ms}
    retry: {on: lock_not_available, for: 60s}
`,
		},
	}
}
