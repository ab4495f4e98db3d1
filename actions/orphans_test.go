package actions

import (
	"testing"

	"runbook/engine/event"
	"runbook/engine/postgres"
)

func TestFinder(t *testing.T) {
	for _, c := range []struct{ definition, want string }{
		{
			"FOREIGN KEY (store_id, order_id) REFERENCES public.orders(store_id, id) ON DELETE CASCADE",
			"SELECT c.* FROM t c LEFT JOIN p p ON p.store_id = c.store_id AND p.id = c.order_id WHERE p.store_id IS NULL AND c.store_id IS NOT NULL AND c.order_id IS NOT NULL",
		},
		{
			`FOREIGN KEY ("a)b", "c, d") REFERENCES "s(x"."p)q"("e ""f", g) DEFERRABLE`,
			`SELECT c.* FROM t c LEFT JOIN p p ON p."e ""f" = c."a)b" AND p.g = c."c, d" WHERE p."e ""f" IS NULL AND c."a)b" IS NOT NULL AND c."c, d" IS NOT NULL`,
		},
		{"CHECK (true)", ""},
	} {
		find, known := finder(event.Obligation{Table: "t", References: "p", Restore: "ALTER TABLE t ADD CONSTRAINT k " + c.definition})
		if known != (c.want != "") {
			t.Errorf("%s: known is %t", c.definition, known)
			continue
		}
		if known && find("c.*") != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.definition, find("c.*"), c.want)
		}
	}
}

func TestWithoutShards(t *testing.T) {
	err := withoutShards(&postgres.Error{
		SQLSTATE: "23503",
		Message:  `insert or update on table "orders_102128" violates foreign key constraint "orders_store_id_fkey_102128"`,
		Detail:   `Key (store_id)=(orders_1) is not present in table "stores_102031".`,
	}, "orders_store_id_fkey", "orders", "stores")
	pg := err.(*postgres.Error)
	if want := `insert or update on table "orders" violates foreign key constraint "orders_store_id_fkey"`; pg.Message != want {
		t.Errorf("got %s, want %s", pg.Message, want)
	}
	if want := `Key (store_id)=(orders) is not present in table "stores".`; pg.Detail == want {
		t.Errorf("a value of a row was taken for a shard: %s", pg.Detail)
	}
}
