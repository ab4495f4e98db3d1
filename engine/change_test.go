package engine

import (
	"slices"
	"testing"

	"runbook/engine/syntax"
)

func TestChangeOf(t *testing.T) {
	s := &step{node: &syntax.Step{Node: &syntax.Node{}}}
	for _, c := range []struct {
		sql     string
		changes bool
		objects []string
		unknown bool
	}{
		{"SELECT * FROM t", false, nil, false},
		{"INSERT INTO t VALUES (1)", false, nil, false},
		{"CREATE TABLE IF NOT EXISTS shop.T (a int)", true, []string{"t"}, false},
		{`ALTER TABLE ONLY "T" ADD COLUMN b int`, true, []string{"t"}, false},
		{"ALTER TABLE t ADD b int", true, []string{"t"}, false},
		{"ALTER TABLE t RENAME TO u", true, []string{"t"}, false},
		{"ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", true, nil, false},
		{"ALTER TABLE t DROP CONSTRAINT c", true, nil, false},
		{"DROP VIEW v", true, []string{"v"}, false},
		{"SELECT 1 INTO u", true, nil, false},
		{"DO $$ BEGIN CREATE TABLE t (); END $$", true, nil, false},
		{"CREATE EXTENSION hstore", true, nil, true},
		{"SET search_path = shop", true, nil, true},
		{"SET lock_timeout = '1s'", false, nil, false},
		{"CREATE INDEX CONCURRENTLY i ON t (a)", true, nil, false},
	} {
		text := &SQL{Text: c.sql}
		got, changes := changeOf(s, text.Statement())
		if changes != c.changes || !slices.Equal(got.objects, c.objects) || got.unknown != c.unknown {
			t.Errorf("%s: %v %v %v", c.sql, changes, got.objects, got.unknown)
		}
	}
}

func TestRepair(t *testing.T) {
	v := &previewer{}
	v.mends("1", "SELECT create_distributed_table('stores', 'store_id')")
	v.mends("2", "ALTER SYSTEM SET output_plugin_libraries = 'citus'")
	for _, c := range []struct{ words, want string }{
		{"create_distributed_table stores", "1"},
		{"create_distributed_table orders", ""},
		{"output_plugin_libraries", "2"},
		{"", ""},
	} {
		if got := v.repair(Finding{Words: []string{c.words}}); got != c.want {
			t.Errorf("%q: step %q, want %q", c.words, got, c.want)
		}
	}
}
