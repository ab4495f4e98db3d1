package actions

import (
	"context"
	"fmt"
	"strings"
)

// checkDurability looks for defaults that let sessions commit without waiting for
// the log.
//
// Note: at the switch-over Citus 13.2.2 waits until the shards have caught up with
// the log as it is then. A transaction that writes before and commits without
// waiting for the log is not in it yet, and what it wrote is lost without an error.
// Seen with a writer of 100,000 rows that held its transaction open across the
// switch-over; the same writer with synchronous_commit on lost nothing. What a
// session sets for itself cannot be seen from here.
func (x *distribution) checkDurability(ctx context.Context) ([]finding, error) {
	if !x.onCitus() {
		return nil, nil
	}
	rows, err := x.catalog.Rows(ctx, `
		SELECT coalesce(r.rolname::text, '') AS role, coalesce(d.datname::text, '') AS database
		FROM pg_catalog.pg_db_role_setting s
		LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
		LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
		WHERE (s.setdatabase = 0 OR d.datname = current_database())
		  AND EXISTS (SELECT 1 FROM unnest(s.setconfig) c WHERE c ~* '^synchronous_commit=(off|false|no|f|n|0)$')
		UNION ALL
		SELECT '', '' FROM pg_catalog.pg_settings WHERE name = 'synchronous_commit' AND reset_val = 'off'
		ORDER BY 1, 2`)
	if err != nil {
		return nil, err
	}
	var found []finding
	for i, r := range rows {
		role, database := r["role"].(string), r["database"].(string)
		if i == 0 && role+database == "" && len(rows) > 1 {
			continue // the default of this session, which one of the others explains
		}
		whose, fix := settingOf(role, database)
		found = append(found, finding{
			fmt.Sprintf("synchronous_commit is off%s: what its sessions commit around the switch-over can be lost", whose),
			fix,
			[]string{"synchronous_commit"},
		})
	}
	return found, nil
}

// settingOf says whose default a setting is, and how to put it right. Both are
// empty for the server's own.
func settingOf(role, database string) (whose, fix string) {
	if role+database == "" {
		return "", "ALTER SYSTEM SET synchronous_commit = on; SELECT pg_reload_conf()"
	}
	var alter []string
	if role != "" {
		whose += " for role " + role
		alter = append(alter, "ROLE "+quoteName(role))
	}
	if database != "" {
		whose += " in database " + database
		alter = append(alter, "DATABASE "+quoteName(database))
	}
	return whose, "ALTER " + strings.Join(alter, " IN ") + " SET synchronous_commit = on, and let open sessions connect again"
}
