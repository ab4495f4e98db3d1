package actions

import (
	"context"
	"fmt"
	"strings"
)

func (x *distribution) checkTransaction(ctx context.Context) ([]finding, error) {
	open, err := x.catalog.InTransaction(ctx)
	if err != nil || !open || !x.Concurrently {
		return nil, err
	}
	return []finding{{"a transaction is open on this connection", "COMMIT before this step; a concurrent distribution cannot run inside one", nil}}, nil
}

// checkServer looks at what logical replication needs of a real cluster.
func (x *distribution) checkServer(ctx context.Context) ([]finding, error) {
	if x.catalog.Run().Engine != "citus" {
		return nil, nil
	}
	rows, err := x.catalog.Rows(ctx, `
		SELECT current_setting('wal_level') AS wal_level,
		       pg_has_role('pg_read_all_settings', 'usage') AS may_read,
		       CASE WHEN pg_has_role('pg_read_all_settings', 'usage') THEN current_setting('output_plugin_libraries', true) END AS plugins,
		       EXISTS (SELECT 1 FROM pg_dist_node WHERE groupid = 0) AS registered,
		       (SELECT count(*) FROM pg_stat_activity
		        WHERE state = 'active' AND query ILIKE '%create_distributed_table_concurrently(%' AND pid <> pg_backend_pid()) AS running`)
	if err != nil {
		return nil, err
	}
	var found []finding
	row := rows[0]
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
		x.notes = append(x.notes, "this role may not read output_plugin_libraries, which has to list citus where the server has it")
	}
	if row["registered"] != true {
		found = append(found, finding{"the coordinator is not registered", "SELECT citus_set_coordinator_host('<hostname>', <port>)", []string{"citus_set_coordinator_host"}})
	}
	if row["running"] != int64(0) {
		found = append(found, finding{"another concurrent distribution is running", "wait for it to end", nil})
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
