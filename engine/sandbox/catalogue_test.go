//go:build linux || darwin

package sandbox

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const catalogueSchema = `
CREATE TABLE p (id int PRIMARY KEY, b int);
CREATE TABLE done (id int PRIMARY KEY, b int);
CREATE TABLE other_type (id bigint PRIMARY KEY);
CREATE TABLE nul (id int);
INSERT INTO nul VALUES (NULL);
CREATE TABLE uq (id int PRIMARY KEY, u int UNIQUE);
CREATE TABLE gen (id int, g int GENERATED ALWAYS AS (id) STORED);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY REFERENCES parent, b int);
CREATE TABLE grandchild (id int PRIMARY KEY, other int REFERENCES done);
CREATE TABLE tg (id int PRIMARY KEY);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER nothing AFTER INSERT ON tg EXECUTE FUNCTION nothing();
CREATE UNLOGGED TABLE ul (id int PRIMARY KEY);
CREATE VIEW vw AS SELECT 1 AS id;
CREATE TEMP TABLE temporary (id int PRIMARY KEY);
SELECT create_distributed_table('done', 'id');`

// What Citus refuses, and in which words. Digits that differ from run to run are not in them.
var catalogue = []struct{ sql, code, message, detail string }{
	{"SELECT create_distributed_table('done', 'id')", "42P16", `table "done" is already distributed`, ""},
	{"SELECT create_distributed_table_concurrently('done', 'id')", "42P16", `table "done" is already distributed`, ""},
	{"SELECT create_distributed_table('p', 'nope')", "42703", `column "nope" of relation "p" does not exist`, ""},
	{"SELECT create_distributed_table_concurrently('p', 'nope')", "42703", `column "nope" of relation "p" does not exist`, ""},
	{"SELECT create_distributed_table('missing', 'id')", "42P01", `relation "missing" does not exist`, ""},
	{"SELECT create_distributed_table('uq', 'id')", "0A000", `cannot create constraint on "uq"`, "Distributed relations cannot have UNIQUE, EXCLUDE, or PRIMARY KEY constraints that do not include the partition column (with an equality operator if EXCLUDE)."},
	{"SELECT create_distributed_table('other_type', 'id', colocate_with => 'done')", "XX000", "cannot colocate tables done and other_type", "Distribution column types don't match for done and other_type."},
	{"SELECT create_distributed_table('p', 'id', colocate_with => 'parent')", "XX000", "relation parent is not distributed", ""},
	{"SELECT create_distributed_table('p', 'id', colocate_with => 'missing')", "42P01", `relation "missing" does not exist`, ""},
	{"SELECT create_distributed_table('p', 'id', colocate_with => 'done', shard_count => 4)", "XX000", "Cannot use colocate_with with a table and shard_count at the same time", ""},
	{"SELECT create_distributed_table('p', 'id', shard_count => 0)", "XX000", `0 is outside the valid range for parameter "shard_count" (1 .. 64000)`, ""},
	{"SELECT create_distributed_table_concurrently('p', 'id', 'range')", "22023", "only hash-distributed tables can be distributed without blocking writes", ""},
	{"SELECT create_distributed_table('tg', 'id')", "XX000", `cannot distribute relation "tg" because it has triggers`, ""},
	{"SELECT create_distributed_table('nul', 'id')", "22004", "the partition column of table public.nul cannot be NULL", ""},
	{"SELECT create_distributed_table('gen', 'g')", "0A000", "cannot distribute relation: gen", "Distribution column must not use GENERATED ALWAYS AS (...) STORED."},
	{"SELECT create_distributed_table('vw', 'id')", "42809", "vw is not a regular, foreign or partitioned table", ""},
	{"SELECT create_distributed_table('temporary', 'id')", "0A000", "cannot distribute a temporary table", ""},
	{"SELECT create_distributed_table('child', 'id')", "42P16", `referenced table "parent" must be a distributed table or a reference table`, "To enforce foreign keys, the referencing and referenced rows need to be stored on the same node."},
	{"SELECT create_distributed_table('grandchild', 'id')", "0A000", "cannot create foreign key constraint", "Foreign keys are supported in two cases, either in between two colocated tables including partition column in the same ordinal in the both tables or from distributed to reference tables"},
	{"SELECT create_distributed_table('grandchild', 'other', colocate_with => 'none')", "0A000", "cannot create foreign key constraint since relations are not colocated or not referencing a reference table", "A distributed table can only have foreign keys if it is referencing another colocated hash distributed table or a reference table"},
	{"SELECT create_distributed_table_concurrently('child', 'id')", "0A000", "relation parent is referenced by a foreign key from child", "foreign keys from a distributed table to a regular table are not supported."},
	{"SELECT create_distributed_table_concurrently('parent', 'id')", "0A000", "relation parent is referenced by a foreign key from child", "foreign keys from a regular table to a distributed table are not supported."},
	{"SELECT create_distributed_table_concurrently('grandchild', 'id')", "0A000", "relation public.grandchild is involved in a foreign key relationship with another table", ""},
	{"SELECT citus_add_local_table_to_metadata('child')", "0A000", "relation public.child is involved in a foreign key relationship with another table", ""},
	{"SELECT citus_add_local_table_to_metadata('done')", "42P16", `table "done" is already distributed`, ""},
	{"SELECT create_distributed_table_concurrently('tg', 'id')", "XX000", `cannot distribute relation "tg" because it has triggers`, ""},
	{"SELECT create_distributed_table_concurrently('uq', 'id')", "0A000", `cannot create constraint on "uq"`, "Distributed relations cannot have UNIQUE, EXCLUDE, or PRIMARY KEY constraints that do not include the partition column (with an equality operator if EXCLUDE)."},
	{"SELECT truncate_local_data_after_distributing_table('p')", "XX000", "supplied parameter is not a distributed relation", "This UDF only truncates local records of distributed tables."},
	{"SELECT truncate_local_data_after_distributing_table('done')", "XX000", "cannot truncate a table referenced in a foreign key constraint by a local table", `Table "grandchild" references "done"`},
	{"SELECT undistribute_table('parent')", "XX000", "cannot undistribute table because the table is not distributed", ""},
	{"SELECT undistribute_table('done')", "XX000", "cannot complete operation because table done is referenced by a foreign key", ""},
	{"BEGIN; LOCK TABLE p IN ROW EXCLUSIVE MODE; SELECT create_distributed_table_concurrently('p', 'id')", "25001", "create_distributed_table_concurrently cannot run inside a transaction block", ""},
}

func testCatalogue(t *testing.T, dsn string) {
	c := connect(t, dsn)
	for sql := range strings.SplitSeq(catalogueSchema, ";\n") {
		c.run(sql)
	}
	for _, want := range catalogue {
		err := c.try(want.sql)
		var got *pgconn.PgError
		switch {
		case !errors.As(err, &got):
			t.Errorf("%s\n got: %v\nwant: %s %s", want.sql, err, want.code, want.message)
		case got.Code != want.code || got.Message != want.message || want.detail != "" && got.Detail != want.detail:
			t.Errorf("%s\n got: %s %s\n      %s\nwant: %s %s\n      %s", want.sql, got.Code, got.Message, got.Detail, want.code, want.message, want.detail)
		}
		_ = c.try("ROLLBACK")
	}
	c.want("SELECT table_name, citus_table_type, distribution_column, colocation_id, shard_count FROM citus_tables WHERE table_name IN ('tg'::regclass, 'uq'::regclass) ORDER BY 1::text",
		"tg|local|<none>|0|1\nuq|local|<none>|0|1")
}

func TestCatalogueOnStandIn(t *testing.T) {
	t.Parallel()
	_, dsn := newDatabase(t)
	testCatalogue(t, dsn)
}

func TestStandInRefusesByName(t *testing.T) {
	t.Parallel()
	_, dsn := newDatabase(t)
	c := connect(t, dsn)
	c.run("CREATE TABLE t (id int PRIMARY KEY)", "CREATE VIEW v AS SELECT * FROM t", "CREATE TABLE nokey (id int)")
	for _, want := range []struct{ sql, message string }{
		{"SELECT create_reference_table('t')", "stand-in: create_reference_table needs Citus"},
		{"SELECT citus_rebalance_start()", "stand-in: citus_rebalance_start needs Citus"},
		{"SELECT isolate_tenant_to_new_shard('t', 5)", "stand-in: isolate_tenant_to_new_shard needs Citus"},
		{"SELECT run_command_on_workers('SELECT 1')", "stand-in: run_command_on_workers needs Citus"},
		{"SELECT create_distributed_table('t', 'id')", `stand-in: cannot convert "t": a view or a rule depends on it`},
		{"SELECT create_distributed_table('nokey', 'id', 'append')", "stand-in: cannot distribute by append"},
		{"SELECT create_distributed_table_concurrently('nokey', 'id')", `stand-in: cannot distribute "nokey" concurrently: it has no PRIMARY KEY`},
	} {
		var got *pgconn.PgError
		if err := c.try(want.sql); !errors.As(err, &got) || got.Code != "0A000" || got.Message != want.message || got.Hint == "" {
			t.Errorf("%s\n got: %v\nwant: %s", want.sql, err, want.message)
		}
	}
	c.want("SELECT citus_version() LIKE 'stand-in on PostgreSQL %'", "t")
}

// BEGIN alone is noticed only by its age.
func TestStandInNoticesTransactionBlock(t *testing.T) {
	t.Parallel()
	_, dsn := newDatabase(t)
	c := connect(t, dsn)
	c.run("CREATE TABLE t (id int PRIMARY KEY)", "BEGIN")
	time.Sleep(150 * time.Millisecond)
	var got *pgconn.PgError
	if err := c.try("SELECT create_distributed_table_concurrently('t', 'id')"); !errors.As(err, &got) || got.Code != "25001" {
		t.Errorf("got %v, want 25001", err)
	}
	c.run("ROLLBACK", "DO $$ BEGIN PERFORM create_distributed_table_concurrently('t', 'id'); END $$")
}
