// Package bench measures what the program adds to the statements it runs. Run
// it with `make bench`.
//
// A step here is a pair: `sql: SELECT 1` with its result registered, and an
// `assert` on that result, so each step is two steps of the language, one
// statement, and six records in the journal.
package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"runbook/actions"
	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/journal"
	"runbook/engine/postgres"
	"runbook/engine/report"
	"runbook/engine/sandbox"
	"runbook/engine/syntax"
)

const steps = 1000

// server is the one cluster of the benchmarks, started when the first needs it.
var (
	running *sandbox.Sandbox
	server  = sync.OnceValues(func() (*sandbox.Sandbox, error) {
		var err error
		running, err = sandbox.Start(context.Background(), sandbox.Options{Engine: "stand-in"})
		return running, err
	})
)

func TestMain(m *testing.M) {
	code := m.Run()
	if running != nil {
		_ = running.Stop() // its watchdog ends what this leaves
	}
	os.Exit(code)
}

// BenchmarkProgram starts the program: for nothing, for a small runbook, and for
// one of 10 000 steps. It comes first, since Linux counts the memory of this
// process among that of its children.
func BenchmarkProgram(b *testing.B) {
	bin := filepath.Join(b.TempDir(), "runbook")
	if out, err := exec.Command("go", "build", "-o", bin, "runbook/cmd/runbook").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	large := write(b, "large.yaml", string(runbookOf(10_000/2)))
	for _, c := range []struct {
		name string
		args []string
	}{
		{"version", []string{"version"}},
		{"validate-tailspin", []string{"validate", "tailspin"}},
		{"validate-10000-steps", []string{"validate", large}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var peak int64
			for b.Loop() {
				cmd := exec.Command(bin, c.args...)
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				peak = max(peak, residentBytes(cmd.ProcessState))
			}
			b.ReportMetric(float64(peak)/1e6, "peak-MB")
		})
	}
}

// BenchmarkStep runs 1 000 steps with the journal on disk and the plain report,
// as the program does, and without the journal.
func BenchmarkStep(b *testing.B) {
	for _, journaled := range []bool{true, false} {
		b.Run(map[bool]string{true: "journal", false: "no-journal"}[journaled], func(b *testing.B) {
			plan, target := compile(b, runbookOf(steps)), targetOf(b)
			dir := b.TempDir()
			run := 0
			for b.Loop() {
				run++
				sinks := []event.Sink{report.NewPlain(io.Discard, report.PlainOptions{})}
				if journaled {
					j, err := journal.Create(dir, fmt.Sprintf("bench-%d", run))
					if err != nil {
						b.Fatal(err)
					}
					defer j.Close()
					sinks = append([]event.Sink{j}, sinks...)
				}
				conns := engine.NewConnections(target, "bench")
				err := plan.Run(b.Context(), conns, event.NewStream(nil, time.Now, sinks...), engine.Options{})
				if err != nil {
					b.Fatal(err)
				}
				if err := conns.Close(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			perStep(b)
		})
	}
}

// BenchmarkSession runs the 1 000 statements on a bare session: what is left of
// BenchmarkStep without a runbook.
func BenchmarkSession(b *testing.B) {
	s, err := postgres.Connect(b.Context(), targetOf(b), postgres.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close(context.Background())
	for b.Loop() {
		for range steps {
			if _, err := s.Query(b.Context(), "SELECT 1"); err != nil {
				b.Fatal(err)
			}
		}
	}
	perStep(b)
}

// BenchmarkPsql has psql run the same 1 000 statements, once as they are and
// once each with an assertion in psql's own words.
func BenchmarkPsql(b *testing.B) {
	psql, err := exec.LookPath("psql")
	if err != nil {
		b.Skip("psql is not installed")
	}
	s, err := server()
	if err != nil {
		b.Fatal(err)
	}
	for _, script := range []struct{ name, line string }{
		{"statements", "SELECT 1;\n"},
		{"statements-and-assertions", "SELECT 1 AS x \\gset\nSELECT :x = 1 AS holds \\gset\n\\if :holds\n\\else\n\\q\n\\endif\n"},
	} {
		b.Run(script.name, func(b *testing.B) {
			file := write(b, "steps.sql", strings.Repeat(script.line, steps))
			for b.Loop() {
				out, err := exec.Command(psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", s.DSN(), "-o", os.DevNull, "-f", file).CombinedOutput()
				if err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
			}
			perStep(b)
		})
	}
}

// BenchmarkLoad reads, parses and compiles a runbook of 10 000 steps of the
// language.
func BenchmarkLoad(b *testing.B) {
	src := runbookOf(10_000 / 2)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		compile(b, src)
	}
}

// residentBytes is the most memory that an ended process ever held.
func residentBytes(s *os.ProcessState) int64 {
	usage, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return usage.Maxrss // in bytes there, else in kB
	}
	return usage.Maxrss << 10
}

func perStep(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*steps), "µs/step")
}

// runbookOf has n pairs of a statement and an assertion.
func runbookOf(n int) []byte {
	var b bytes.Buffer
	b.WriteString("runbook: v1\nsteps:\n")
	for range n {
		b.WriteString("  - sql: SELECT 1\n    register: x\n  - assert: x == 1\n")
	}
	return b.Bytes()
}

func compile(b *testing.B, src []byte) *engine.Plan {
	b.Helper()
	rb, problems := syntax.Parse("bench.yaml", src)
	if problems != nil {
		b.Fatal(problems)
	}
	plan, problems := engine.Compile(rb, actions.All(), engine.Files{FS: os.DirFS(b.TempDir()), Base: "."})
	if plan == nil {
		b.Fatal(problems)
	}
	return plan
}

func targetOf(b *testing.B) *postgres.Target {
	b.Helper()
	s, err := server()
	if err != nil {
		b.Fatal(err)
	}
	target, err := postgres.ParseTarget(s.DSN())
	if err != nil {
		b.Fatal(err)
	}
	return target
}

func write(b *testing.B, name, text string) string {
	b.Helper()
	file := filepath.Join(b.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return file
}
