package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"runbook/engine/sandbox"
)

var (
	stalls     = flag.Bool("stalls", false, "measure how long an application stands still during tailspin and during the exercise's own statements")
	stallScale = flag.String("scale", "1", "scale of the data for -stalls")
)

// TestStalls lets an application use the database while tailspin distributes its
// tables, and while the statements of the exercise do so as they are written, and
// prints both in one table. The application is not of this program: sessions of
// pgx with schedules of their own, so that a stall is counted by every execution
// that was due in it.
func TestStalls(t *testing.T) {
	if !*stalls {
		t.Skip("takes half an hour: make stalls")
	}
	bin := filepath.Join(t.TempDir(), "runbook")
	if out, err := exec.Command("go", "build", "-o", bin, "runbook/cmd/runbook").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	runs := []struct {
		name       string
		distribute func(context.Context, *shop) error
	}{
		{"runbook run tailspin", byRunbook},
		{"the exercise's statements", verbatim},
	}
	var table strings.Builder
	fmt.Fprintf(&table, "| while | session | executions | p50 | p99 | longest | late | errors |\n| --- | --- | --: | --: | --: | --: | --: | --- |\n")
	for _, r := range runs {
		s := open(t, bin)
		took, err := s.observe(t, r.distribute)
		if err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
		stood := false
		for _, v := range s.visitors {
			fmt.Fprintf(&table, "| %s, %s | %s | %s |\n", r.name, took.Round(time.Second), v.name, v.row())
			for _, n := range v.notes {
				t.Logf("%s, %s: %s", r.name, v.name, n)
				stood = true
			}
		}
		if stood { // for whoever wants to know which statement it was
			for _, line := range s.journals(t) {
				t.Log(line)
			}
		}
		if diff := s.lost(t); diff != "" {
			t.Errorf("%s: %s", r.name, diff)
		}
		_ = s.box.Stop() // its watchdog ends what this leaves
	}
	t.Logf("figures: scale %s\n%s", *stallScale, table.String())
}

// shop is a database of the exercise on a cluster of its own, with its users.
type shop struct {
	bin, dir string
	box      *sandbox.Sandbox
	visitors []*visitor
	orders   int64 // before the visitors came
}

func open(t *testing.T, bin string) *shop {
	t.Helper()
	box, err := sandbox.Start(t.Context(), sandbox.Options{Engine: "citus", Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Stop() })
	s := &shop{bin: bin, dir: t.TempDir(), box: box}
	if err := s.program(t.Context(), "../runbooks/tailspin/prepare.yaml", "--var", "scale="+*stallScale); err != nil {
		t.Fatal(err)
	}
	s.orders = s.number(t, "SELECT count(*) FROM orders")
	return s
}

// program runs a runbook and keeps what it says beside the error.
func (s *shop) program(ctx context.Context, book string, args ...string) error {
	book, err := filepath.Abs(book)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, s.bin, append([]string{"run", book, "--dsn", s.box.DSN()}, args...)...)
	cmd.Dir = s.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

func (s *shop) number(t *testing.T, sql string) (n int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.box.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// observe lets the visitors come a while before and stay a while after.
func (s *shop) observe(t *testing.T, distribute func(context.Context, *shop) error) (time.Duration, error) {
	const alone = 5 * time.Second
	s.visitors = []*visitor{
		{name: "batches of 20,000 orders, 5 s between", visit: batch, every: 5 * time.Second, rests: true},
		{name: "one order written, 5 a second", visit: order, every: 200 * time.Millisecond},
		{name: "one table read, 20 a second", visit: read, every: 50 * time.Millisecond},
	}
	stop := make(chan struct{})
	var running sync.WaitGroup
	for _, v := range s.visitors {
		running.Go(func() { v.run(t.Context(), s.box.DSN(), stop) })
	}
	time.Sleep(alone)
	began := time.Now()
	err := distribute(t.Context(), s)
	took := time.Since(began)
	time.Sleep(alone)
	close(stop)
	running.Wait()
	return took, err
}

// lost compares the orders in the database with those that the visitors know of.
func (s *shop) lost(t *testing.T) string {
	var written, unknown int64
	for _, v := range s.visitors {
		written, unknown = written+v.written, unknown+v.unknown
	}
	got := s.number(t, "SELECT count(*) FROM orders") - s.orders
	if got < written || got > written+unknown {
		return fmt.Sprintf("%d orders have come, the application wrote %d and does not know of %d", got, written, unknown)
	}
	return ""
}

// journals are the times at which the steps that change something ran.
func (s *shop) journals(t *testing.T) (lines []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, ".runbook/runs/*/journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, `"event":"statement_started"`) || strings.Contains(line, `"event":"step_retrying"`) || strings.Contains(line, `"event":"step_started"`) {
				lines = append(lines, strings.TrimSpace(line[:min(len(line), 300)]))
			}
		}
	}
	return lines
}

func byRunbook(ctx context.Context, s *shop) error {
	var nodes []string
	for _, w := range s.box.Workers() {
		nodes = append(nodes, fmt.Sprintf("{host: %s, port: %d}", w.Host, w.Port))
	}
	return s.program(ctx, "../runbooks/tailspin.yaml", "--var", "workers=["+strings.Join(nodes, ", ")+"]")
}

// verbatim are the statements of the exercise, in its order, each again when it
// fails, as it says.
func verbatim(ctx context.Context, s *shop) error {
	conn, err := pgx.Connect(ctx, s.box.DSN())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var statements []string
	for _, w := range s.box.Workers() {
		statements = append(statements, fmt.Sprintf("SELECT citus_add_node('%s', %d)", w.Host, w.Port))
	}
	statements = append(statements,
		"ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, citus",
		"SELECT pg_reload_conf()",
		"SELECT create_distributed_table('stores', 'store_id')",
		"SELECT create_distributed_table('products', 'store_id', colocate_with => 'stores')",
		"BEGIN; ALTER TABLE orders DROP CONSTRAINT orders_store_id_fkey; ALTER TABLE line_items DROP CONSTRAINT line_items_orders_fkey; COMMIT",
		"SELECT create_distributed_table_concurrently('orders', 'store_id')",
		"ALTER TABLE orders ADD CONSTRAINT orders_store_id_fkey FOREIGN KEY (store_id) REFERENCES stores (store_id)",
		"ALTER TABLE line_items DROP CONSTRAINT line_items_products_fkey, DROP CONSTRAINT line_items_store_id_fkey",
		"SELECT create_distributed_table_concurrently('line_items', 'store_id')",
		"ALTER TABLE line_items ADD CONSTRAINT line_items_store_id_fkey FOREIGN KEY (store_id) REFERENCES stores (store_id)",
		"ALTER TABLE line_items ADD CONSTRAINT line_items_products_fkey FOREIGN KEY (store_id, product_id) REFERENCES products (store_id, product_id)",
		"ALTER TABLE line_items ADD CONSTRAINT line_items_orders_fkey FOREIGN KEY (store_id, order_id) REFERENCES orders (store_id, order_id)",
		"SELECT truncate_local_data_after_distributing_table('stores')",
	)
	for _, sql := range statements {
		if err := again(ctx, conn, sql); err != nil {
			return err
		}
	}
	return nil
}

func again(ctx context.Context, conn *pgx.Conn, sql string) error {
	for try := 1; ; try++ {
		_, err := conn.PgConn().Exec(ctx, sql).ReadAll()
		if err == nil {
			return nil
		}
		if _, rollbackErr := conn.Exec(ctx, "ROLLBACK"); rollbackErr != nil {
			return errors.Join(err, rollbackErr)
		}
		if try == 10 {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
}

// stall is what an application may stand still for, at most.
const stall = 500 * time.Millisecond

// visitor is a session of the application.
type visitor struct {
	name  string
	visit func(ctx context.Context, conn *pgx.Conn, n int) (written int64, err error)
	every time.Duration // from one execution to the next that is due
	rests bool          // every is a rest after each execution rather

	took             []time.Duration // of each execution
	late             time.Duration   // the longest that one ended after it was due
	errors           map[string]int  // by SQLSTATE
	notes            []string        // the long ones and the errors, with their times
	written, unknown int64           // orders
}

func (v *visitor) run(ctx context.Context, dsn string, stop <-chan struct{}) {
	v.errors = map[string]int{}
	var conn *pgx.Conn
	due := time.Now()
	for n := 0; ; n++ {
		select {
		case <-stop:
			if conn != nil {
				_ = conn.Close(ctx) // the server ends the session anyhow
			}
			return
		case <-time.After(time.Until(due)):
		}
		if conn == nil || conn.IsClosed() {
			var err error
			if conn, err = pgx.Connect(ctx, dsn); err != nil {
				v.errors["connection"]++
				due = time.Now().Add(100 * time.Millisecond)
				continue
			}
		}
		began := time.Now()
		written, err := v.visit(ctx, conn, n)
		took := time.Since(began)
		v.took, v.late = append(v.took, took), max(v.late, time.Since(due))
		var pg *pgconn.PgError
		if err != nil || took > stall && !v.rests {
			note := fmt.Sprintf("%s for %s %v", began.UTC().Format(time.TimeOnly), took.Round(time.Millisecond), err)
			if errors.As(err, &pg) {
				note += "; " + pg.Detail
			}
			v.notes = append(v.notes, note)
		}
		switch {
		case err == nil:
			v.written += written
		case errors.As(err, &pg):
			v.errors[pg.Code]++
		default:
			v.errors["connection"]++
			v.unknown += max(written, 1)
		}
		if due = due.Add(v.every); v.rests {
			due = time.Now().Add(v.every)
		}
	}
}

func (v *visitor) row() string {
	if len(v.took) == 0 {
		return "0 | | | | |"
	}
	s := slices.Sorted(slices.Values(v.took))
	at := func(p float64) time.Duration {
		return s[min(int(p*float64(len(s))), len(s)-1)].Round(100 * time.Microsecond)
	}
	var errs []string
	for _, state := range slices.Sorted(maps.Keys(v.errors)) {
		errs = append(errs, fmt.Sprintf("%d × %s", v.errors[state], state))
	}
	if errs == nil {
		errs = []string{"none"}
	}
	return fmt.Sprintf("%d | %s | %s | %s | %s | %s", len(s), at(0.5), at(0.99), at(1), v.late.Round(100*time.Microsecond), strings.Join(errs, ", "))
}

// batch is what the exercise lets run once a minute.
func batch(ctx context.Context, conn *pgx.Conn, _ int) (written int64, err error) {
	err = conn.QueryRow(ctx, "SELECT create_orders(20000)").Scan(&written)
	if err != nil {
		written = 20000
	}
	return written, err
}

// order writes an order of one line.
func order(ctx context.Context, conn *pgx.Conn, n int) (int64, error) {
	store := 1 + n%442
	tx, err := conn.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback(ctx) // after a commit it does nothing
	var id int64
	err = tx.QueryRow(ctx, `INSERT INTO orders (store_id, status, billing_address, shipping_address, ordered_at)
		VALUES ($1, 'Pending', '1 Billing Street', '1 Shipping Road', current_date) RETURNING order_id`, store).Scan(&id)
	if err != nil {
		return 0, err
	}
	// Product p is one of store 1 + p % 442.
	_, err = tx.Exec(ctx, "INSERT INTO line_items (product_id, order_id, quantity, line_amount, store_id) VALUES ($1, $2, 1, 0.99, $3)", store-1+442, id, store)
	if err != nil {
		return 0, err
	}
	return 1, tx.Commit(ctx)
}

// read reads from one table after the other.
func read(ctx context.Context, conn *pgx.Conn, n int) (int64, error) {
	table := [...]string{"stores", "products", "orders", "line_items"}[n%4]
	_, err := conn.Exec(ctx, "SELECT * FROM "+table+" WHERE store_id = $1 LIMIT 1", 1+n%442)
	return 0, err
}
