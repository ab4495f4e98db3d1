package postgres_test

import (
	"slices"
	"testing"

	"runbook/engine/postgres"
)

func TestDrops(t *testing.T) {
	for sql, want := range map[string][]postgres.Drop{
		"ALTER TABLE t DROP CONSTRAINT c":                                                 {{"t", "c", "", false}},
		"alter table if exists only App.T * drop constraint if exists C restrict;":        {{"app.t", "c", "", false}},
		`ALTER TABLE "My".t DROP CONSTRAINT "a ""b"" c" CASCADE, ADD CHECK (n IN (1, 2))`: {{`"My".t`, `a "b" c`, "", true}},
		"/* why */ ALTER TABLE t ADD COLUMN x int, DROP CONSTRAINT a, DROP CONSTRAINT b":  {{"t", "a", "", false}, {"t", "b", "", false}},
		"ALTER TABLE t DROP COLUMN IF EXISTS C CASCADE, DROP \"D d\"":                     {{"t", "", "c", true}, {"t", "", "D d", false}},
		"ALTER TABLE t DROP constraint_name":                                              {{"t", "", "constraint_name", false}},
		"ALTER TABLE t ALTER c DROP NOT NULL, DROP COLUMN":                                nil,
		"DROP TABLE IF EXISTS a, s.b CASCADE":                                             {{"a", "", "", true}, {"s.b", "", "", true}},
		"DROP TABLE a":                                                                    {{"a", "", "", false}},
		"DROP INDEX a":                                                                    nil,
		"ALTER TABLE t VALIDATE CONSTRAINT c":                                             nil,
		"ALTER TABLE t ADD CONSTRAINT c CHECK (note <> 'DROP CONSTRAINT x')":              nil,
		"ALTER TABLE t ALTER CONSTRAINT c DEFERRABLE":                                     nil,
		"ALTER DOMAIN d DROP CONSTRAINT c":                                                nil,
		"SELECT 1":                                                                        nil,
		"":                                                                                nil,
		"ALTER TABLE ":                                                                    nil,
		"ALTER TABLE t DROP CONSTRAINT":                                                   nil,
	} {
		if got := postgres.Drops(sql); !slices.Equal(got, want) {
			t.Errorf("Drops(%q) = %v, want %v", sql, got, want)
		}
	}
}

func TestAdds(t *testing.T) {
	for sql, want := range map[string][]postgres.Added{
		"ALTER TABLE ONLY s.t ADD CONSTRAINT \"a b\" FOREIGN KEY (x) REFERENCES u": {{"s.t", "a b"}},
		"ALTER TABLE t ADD CONSTRAINT a FOREIGN KEY (x) REFERENCES u NOT VALID":    nil,
		"ALTER TABLE t VALIDATE CONSTRAINT a, ADD CONSTRAINT b CHECK (x > 0)":      {{"t", "a"}, {"t", "b"}},
		"ALTER TABLE t ADD COLUMN a int":                                           nil,
		"CREATE TABLE t (a int)":                                                   nil,
	} {
		if got := postgres.Adds(sql); !slices.Equal(got, want) {
			t.Errorf("Adds(%q) = %v, want %v", sql, got, want)
		}
	}
}
