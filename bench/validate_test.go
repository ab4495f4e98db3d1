package bench

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkValidate starts the program for a runbook as people write them, of
// 10 000 steps and 2 MB: with groups, names, comments, retries, settings and
// conditions.
// Beside it venom, if it is installed, loads as many steps in a file as large;
// none of them runs.
func BenchmarkValidate(b *testing.B) {
	bin := filepath.Join(b.TempDir(), "runbook")
	if out, err := exec.Command("go", "build", "-o", bin, "runbook/cmd/runbook").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	text := longRunbook(10_000)
	b.Run("runbook", func(b *testing.B) {
		load(b, len(text), 0, bin, "validate", write(b, "long.yaml", text))
	})
	b.Run("venom", func(b *testing.B) {
		venom, err := exec.LookPath("venom")
		if err != nil {
			b.Skip("venom is not installed; go install github.com/ovh/venom/cmd/venom@latest")
		}
		text := longSuite(10_000, len(text))
		// It ends with 2, since no test ran.
		load(b, len(text), 2, venom, "run", "--output-dir", b.TempDir(), write(b, "long.venom.yaml", text))
	})
}

// load measures a program that reads a file and ends with an exit code.
func load(b *testing.B, size, exit int, name string, args ...string) {
	b.SetBytes(int64(size))
	var peak int64
	for b.Loop() {
		cmd := exec.Command(name, args...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != exit {
			b.Fatalf("%v\n%s", err, out)
		}
		peak = max(peak, residentBytes(cmd.ProcessState))
	}
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
}

// longRunbook has n steps: four for each batch of a backfill, ten batches in a
// group.
func longRunbook(n int) string {
	var b strings.Builder
	b.WriteString("runbook: v1\nname: long\nvars:\n  wanted: 5\nsteps:\n")
	for i := range n / 4 {
		if i%10 == 0 {
			fmt.Fprintf(&b, "\n  - group: Batches %d to %d\n    steps:\n", i, i+9)
		}
		left, state := fmt.Sprintf("left_%d", i%50), fmt.Sprintf("state_%d", i%50)
		fmt.Fprintf(&b, `
      # Batch %[1]d: why, as an author would write it for the reviewer.
      - name: Count what batch %[1]d has left to do
        sql: |
          SELECT count(*)
          FROM line_items AS l
          WHERE l.batch = %[1]d AND l.store_id IS NULL AND l.created < ${run.started}
        register: %[2]s
        timeout: 30s
      - name: Fill batch %[1]d
        when: %[2]s > 0 and wanted >= 5
        retry: {on: [lock_not_available, deadlock_detected], delay: 250ms, attempts: 5}
        settings: {lock_timeout: 2s}
        sql: UPDATE line_items SET store_id = ${wanted} WHERE batch = %[1]d AND store_id IS NULL
      - sql: SELECT count(*) AS n, max(id) AS last FROM line_items WHERE batch = %[1]d
        register: {row: %[3]s}
      - assert: %[3]s.n >= %[2]s or %[2]s == 0
        message: batch %[1]d has lost rows
`, i, left, state)
	}
	return b.String()
}

// longSuite has n steps for venom in a file of about the size.
func longSuite(n, size int) string {
	var b strings.Builder
	b.WriteString("name: long\ntestcases:\n- name: backfill\n  skip: [\"a ShouldEqual b\"]\n  steps:\n")
	padding := strings.Repeat("x", max(0, size/n-228))
	for i := range n {
		fmt.Fprintf(&b, `  - type: sql
    driver: postgres
    dsn: postgres://localhost/none
    commands:
    - SELECT count(*) AS n FROM line_items WHERE batch = %d AND note <> '%s'
    assertions: [result.queries.queries0.rows.rows0.n ShouldEqual 0]
`, i, padding)
	}
	return b.String()
}
