package actions

import (
	"context"
	"fmt"
	"strings"
)

// onCitus says whether it is the real thing: the rules about a cluster have
// nothing to look at in a stand-in.
func (x *distribution) onCitus() bool { return x.catalog.Run().Engine == "citus" }

// inPlan says that what is looked for would happen later, perhaps by another role.
func inPlan(db catalog) bool {
	switch c := db.(type) {
	case planned:
		return true
	case promised:
		return inPlan(c.catalog)
	}
	return false
}

func (x *distribution) note(format string, args ...any) {
	x.notes = append(x.notes, fmt.Sprintf(format, args...))
}

// checkSettings looks at the settings that a distribution depends on.
func (x *distribution) checkSettings(ctx context.Context) ([]finding, error) {
	if !x.onCitus() {
		return nil, nil
	}
	rows, err := x.catalog.Rows(ctx, `
		SELECT current_setting('wal_level') AS wal_level, current_setting('is_superuser') AS superuser,
		       pg_has_role('pg_read_all_settings', 'usage') AS may_read,
		       CASE WHEN pg_has_role('pg_read_all_settings', 'usage') THEN current_setting('output_plugin_libraries', true) END AS plugins,
		       current_setting('citus.shard_replication_factor')::bigint AS copies,
		       (SELECT count(*) FROM pg_dist_node WHERE isactive AND shouldhaveshards AND noderole = 'primary') AS receivers`)
	if err != nil {
		return nil, err
	}
	var found []finding
	row := rows[0]
	copies, receivers := row["copies"].(int64), row["receivers"].(int64)
	if x.Concurrently && copies > 1 || copies > max(receivers, 1) && x.ColocateWith == "" {
		found = append(found, finding{
			fmt.Sprintf("citus.shard_replication_factor is %d", copies),
			"SET citus.shard_replication_factor = 1",
			[]string{"citus.shard_replication_factor"},
		})
	}
	if !x.Concurrently {
		return found, nil
	}
	if row["superuser"] != "on" && x.HoldSwitchOver > 0 {
		x.note("this role is no superuser: the switch-over cannot be held back while a long transaction has written to %s, and other writers will wait behind that", x.table.Name)
	}
	if row["wal_level"] != "logical" {
		found = append(found, finding{fmt.Sprintf("wal_level is %s", row["wal_level"]), "set wal_level = logical and restart the coordinator", []string{"wal_level"}})
	}
	if plugins, set := row["plugins"].(string); set && !listHas(plugins, "citus") {
		found = append(found, finding{
			fmt.Sprintf("output_plugin_libraries (%s) lacks citus", plugins),
			"ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, citus; SELECT pg_reload_conf()",
			[]string{"output_plugin_libraries"},
		})
	}
	if row["may_read"] != true {
		x.note("this role may not read output_plugin_libraries, which has to list citus where the server has it")
	}
	return found, nil
}

// listHas looks for a word in a comma-separated setting.
func listHas(list, word string) bool {
	for _, item := range strings.Split(list, ",") {
		if strings.Trim(strings.TrimSpace(item), `"`) == word {
			return true
		}
	}
	return false
}

// checkCalls looks for another concurrent distribution, of which a database bears
// one, and for what failed ones have left. A step waits for a call on its own
// table, and clears what is left.
func (x *distribution) checkCalls(ctx context.Context) ([]finding, error) {
	l, err := readLeftovers(ctx, x.catalog)
	if mayNot(err) {
		x.note("%s", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(l.Failed) > 0 {
		x.note("the step first clears what a failed call has left: %s", list(l.Failed))
	}
	var found []finding
	for _, c := range l.Running {
		if c.Table == x.table.Name {
			x.note("the step first waits for a call on this table that runs already: %s", c)
			continue
		}
		on := ""
		if c.Table != "" {
			on = " of " + c.Table
		}
		found = append(found, finding{"another concurrent distribution" + on + " is running: " + c.String(), "wait for it to end", nil})
	}
	elsewhere, err := x.checkSlotNames(ctx)
	return append(found, elsewhere...), err
}

// checkSlotNames looks for the slots of calls in other databases: their names are
// numbered by database, and a server has each name once.
func (x *distribution) checkSlotNames(ctx context.Context) ([]finding, error) {
	if !x.onCitus() {
		return nil, nil
	}
	rows, err := x.catalog.Rows(ctx, `
		SELECT database::text AS database, count(*) AS slots FROM pg_catalog.pg_replication_slots
		WHERE slot_name LIKE 'citus\_shard\_split\_slot\_%' AND database <> pg_catalog.current_database()
		GROUP BY 1 ORDER BY 1`)
	var found []finding
	for _, r := range rows {
		found = append(found, finding{
			fmt.Sprintf("a concurrent distribution in database %s has %s, whose names this one may want too", r["database"], count(r["slots"].(int64), "replication slot")),
			"wait for it to end; if it has failed, clear what it left: CALL citus_cleanup_orphaned_resources() there", nil,
		})
	}
	return found, err
}
