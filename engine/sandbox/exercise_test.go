//go:build linux || darwin

package sandbox

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const foreignKeys = `SELECT conrelid::regclass, conname, convalidated, pg_get_constraintdef(oid)
	FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 ORDER BY 1, 2`

// The exercise's own statements, from its first look at the settings to its last, while its writer writes.
func TestExerciseOnStandIn(t *testing.T) {
	t.Parallel()
	s, dsn := newDatabase(t)
	exercise(t, s, dsn)
}

func exercise(t *testing.T, s *Sandbox, dsn string) {
	c := connect(t, dsn)
	c.runFile("shops.sql")
	keysBefore := c.rows(foreignKeys)

	c.want("show citus.stat_statements_track", "none")
	c.run("ALTER DATABASE " + quoteIdent(c.conn.Config().Database) + " SET citus.stat_statements_track = 'all'")
	connect(t, dsn).want("show citus.stat_statements_track", "all")
	for _, w := range s.Workers() {
		if _, err := c.conn.Exec(t.Context(), "SELECT citus_add_node($1, $2)", w.Host, w.Port); err != nil {
			t.Fatal(err)
		}
	}
	c.want("SELECT count(*) FROM citus_get_active_worker_nodes()", "2")

	c.run(
		"SELECT create_distributed_table('stores', 'store_id');",
		"SELECT create_distributed_table('products', 'store_id', colocate_with => 'stores');",
	)

	stopWriters := startWriters(t, dsn, 2)
	c.runRetrying("BEGIN; ALTER TABLE orders DROP CONSTRAINT orders_store_id_fkey; ALTER TABLE line_items DROP CONSTRAINT line_items_orders_fkey; COMMIT;")
	c.runRetrying("SELECT create_distributed_table_concurrently('orders', 'store_id');")
	c.runRetrying("ALTER TABLE orders ADD CONSTRAINT orders_store_id_fkey FOREIGN KEY (store_id) REFERENCES stores (store_id);")
	c.runRetrying("ALTER TABLE line_items DROP CONSTRAINT line_items_products_fkey, DROP CONSTRAINT line_items_store_id_fkey;")
	c.runRetrying("SELECT create_distributed_table_concurrently('line_items', 'store_id');")
	written := stopWriters()
	c.run(
		"ALTER TABLE line_items ADD CONSTRAINT line_items_store_id_fkey FOREIGN KEY (store_id) REFERENCES stores (store_id);",
		"ALTER TABLE line_items ADD CONSTRAINT line_items_orders_fkey FOREIGN KEY (store_id, order_id) REFERENCES orders (store_id, order_id);",
		"ALTER TABLE line_items ADD CONSTRAINT line_items_products_fkey FOREIGN KEY (store_id, product_id) REFERENCES products (store_id, product_id);",
		"SELECT wait_event_type, count(*) FROM pg_stat_activity WHERE state != 'idle' GROUP BY 1 ORDER BY 2 DESC;",
		"SELECT * FROM citus_lock_waits;",
		"SELECT truncate_local_data_after_distributing_table('stores');",
	)

	if written == 0 {
		t.Error("the writers wrote nothing meanwhile")
	}
	var orders, lines int
	if err := c.conn.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM line_items)").Scan(&orders, &lines); err != nil {
		t.Fatal(err)
	}
	if want := 1000 + written; orders != want || lines != 2*want {
		t.Errorf("%d orders and %d line items, want %d and %d", orders, lines, want, 2*want)
	}
	if got := c.rows(foreignKeys); got != keysBefore {
		t.Errorf("foreign keys after:\n%s\nbefore:\n%s", got, keysBefore)
	}
	c.want("SELECT table_name, citus_table_type, distribution_column, shard_count FROM public.citus_tables ORDER BY table_name::text",
		"line_items|distributed|store_id|32\norders|distributed|store_id|32\nproducts|distributed|store_id|32\nstores|distributed|store_id|32")
	c.want("SELECT count(DISTINCT colocation_id) FROM citus_tables", "1")
	c.want("SELECT table_name, count(DISTINCT (nodename, nodeport)), count(shardid) FROM citus_shards GROUP BY table_name ORDER BY table_name::text",
		"line_items|2|32\norders|2|32\nproducts|2|32\nstores|2|32")
	c.want("SELECT pg_get_serial_sequence('line_items', 'line_item_id')", "public.line_items_line_item_id_seq")
	c.want("SELECT indexdef LIKE '%(ordered_at DESC) WHERE (store_id > 0)' FROM pg_indexes WHERE indexname = 'orders_ordered_at_idx'", "t")
}

// startWriters lets sessions call create_orders with a pause after each. The function it returns ends them and returns how
// many orders were committed. A writer may fail: only a committed batch counts.
func startWriters(t *testing.T, dsn string, writers int) (stop func() int) {
	const batch = 20
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		written int
		done    = make(chan struct{})
	)
	for range writers {
		wg.Go(func() {
			conn, err := pgx.Connect(context.Background(), dsn)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close(context.Background())
			for {
				_, err := conn.Exec(context.Background(), "SELECT create_orders($1)", batch)
				mu.Lock()
				if err == nil {
					written += batch
				} else {
					t.Log("writer: ", err)
				}
				mu.Unlock()
				select {
				case <-done:
					return
				case <-time.After(30 * time.Millisecond):
				}
			}
		})
	}
	return sync.OnceValue(func() int {
		close(done)
		wg.Wait()
		return written
	})
}

// runRetrying runs a statement again after a deadlock, as the exercise says.
func (s *session) runRetrying(sql string) {
	s.t.Helper()
	began := time.Now()
	for attempt := 1; ; attempt++ {
		err := s.try(sql)
		if err == nil {
			s.t.Logf("%s: attempt %d, %v", strings.SplitN(sql, "(", 2)[0], attempt, time.Since(began).Round(time.Millisecond))
			return
		}
		var pgErr *pgconn.PgError
		if !errors.As(err, &pgErr) || pgErr.Code != "40P01" || attempt == 100 {
			s.t.Fatalf("%s: attempt %d: %v", sql, attempt, err)
		}
		_ = s.try("ROLLBACK")
		time.Sleep(20 * time.Millisecond)
	}
}
