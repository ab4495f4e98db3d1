package engine

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr/types"
	"github.com/shopspring/decimal"

	"runbook/engine/postgres"
	"runbook/engine/syntax"
)

func dec(s string) decimal.Decimal { return decimal.RequireFromString(s) }

var noon = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

func TestOrder(t *testing.T) {
	hour := postgres.Interval{Microseconds: 3600e6}
	for _, test := range []struct {
		a, b any
		want string
	}{
		{int64(1), int64(2), "-1"},
		{int64(math.MaxInt64), int64(math.MaxInt64 - 1), "1"},
		{int64(9007199254740993), 9007199254740992.0, "1"}, // beyond what a float tells apart
		{uint64(math.MaxUint64), int64(-1), "1"},
		{dec("0.1"), 0.1, "0"},
		{dec("1.10"), dec("1.1"), "0"},
		{1, dec("1.0000000000000000000001"), "-1"},
		{math.NaN(), math.NaN(), "0"},
		{math.NaN(), math.Inf(1), "1"},
		{math.Inf(-1), int64(math.MinInt64), "-1"},
		{"a", "b", "-1"},
		{"ä", "z", "1"},
		{noon, noon.Add(1), "-1"},
		{noon, noon.In(time.FixedZone("x", 3600)), "0"},
		{time.Hour, hour, "0"},
		{hour, time.Minute, "1"},
		{[]byte{0}, []byte{0, 0}, "-1"},
		{nil, int64(1), `cannot put nothing (NULL) and a whole number in order; test it with == nil first`},
		{"5", int64(5), `cannot compare text ("5") with a whole number (5)`},
		{int64(5), time.Duration(5), `cannot compare a whole number (5) with a duration (5ns)`},
		{true, int64(1), `cannot compare true or false (true) with a whole number (1)`},
		{true, false, `cannot compare true or false (true) with true or false (false)`},
		{[]any{int64(1)}, []any{int64(2)}, `cannot compare a list ([1]) with a list ([2])`},
	} {
		c, err := order(test.a, test.b)
		if got := outcomeText(c, err); got != test.want {
			t.Errorf("order(%v, %v)\n got %s\nwant %s", test.a, test.b, got, test.want)
		}
	}
}

func TestEqual(t *testing.T) {
	for _, test := range []struct {
		a, b any
		want string
	}{
		{nil, nil, "true"},
		{nil, int64(0), "false"},
		{[]any(nil), nil, "true"},
		{true, true, "true"},
		{[]any{int64(1), nil}, []any{1.0, nil}, "true"},
		{[]any{int64(1)}, []any{int64(1), int64(2)}, "false"},
		{[]any{"1"}, []any{int64(1)}, `cannot compare text ("1") with a whole number (1)`},
		{Row{"a": int64(1)}, map[string]any{"a": dec("1.0")}, "true"},
		{Row{"a": int64(1)}, Row{"b": int64(1)}, "false"},
		{"x", int64(1), `cannot compare text ("x") with a whole number (1)`},
		{label("x"), "x", "true"}, // named text, which results have
	} {
		same, err := equal(test.a, test.b)
		if got := outcomeText(same, err); got != test.want {
			t.Errorf("equal(%v, %v)\n got %s\nwant %s", test.a, test.b, got, test.want)
		}
	}
}

type label string

func TestCompute(t *testing.T) {
	for _, test := range []struct {
		a    any
		op   string
		b    any
		want string
	}{
		{int64(1), "+", 2, "3 int64"},
		{int64(math.MaxInt64), "+", int64(1), "9223372036854775807 + 1 does not fit into 64 bits"},
		{int64(math.MinInt64), "-", int64(1), "-9223372036854775808 - 1 does not fit into 64 bits"},
		{int64(math.MaxInt64), "*", int64(2), "9223372036854775807 * 2 does not fit into 64 bits"},
		{int64(7), "/", int64(2), "3.5 decimal.Decimal"},
		{int64(6), "/", int64(2), "3 int64"},
		{int64(-7), "%", int64(2), "-1 int64"},
		{int64(1), "/", int64(0), "division by zero: 1 / 0"},
		{int64(1), "%", dec("0.0"), "division by zero: 1 % 0.0"},
		{dec("0.1"), "+", dec("0.2"), "0.3 decimal.Decimal"},
		{dec("0.1"), "+", int64(1), "1.1 decimal.Decimal"},
		{0.5, "*", int64(3), "1.5 float64"},
		{"a", "+", "b", "ab string"},
		{"a", "-", "b", `cannot compute text ("a") - text ("b")`},
		{nil, "+", int64(1), "cannot compute nothing (NULL) (nil) + a whole number (1)"},
		{noon, "+", time.Hour, "2024-02-29 13:00:00 +0000 UTC time.Time"},
		{noon, "-", noon.Add(-time.Minute), "1m0s time.Duration"},
		{time.Minute, "*", int64(3), "3m0s time.Duration"},
		{dec("1.5"), "*", time.Minute, "1m30s time.Duration"},
		{time.Minute, "/", time.Second, "60 float64"},
		{time.Minute, "+", int64(1), `cannot compute a duration (1m0s) + a whole number (1)`},
		{true, "+", true, `cannot compute true or false (true) + true or false (true)`},
	} {
		v, err := compute(test.op, test.a, test.b)
		got := fmt.Sprintf("%v %T", v, v)
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%v %s %v\n got %s\nwant %s", test.a, test.op, test.b, got, test.want)
		}
	}
}

func outcomeText(v any, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(v)
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "500ms": 500 * time.Millisecond, "1h30m": 90 * time.Minute, "3d": 72 * time.Hour, " 5s ": 5 * time.Second,
		"": -1, "5": -1, "-5s": -1, "NaN": -1, "Infs": -1, "d": -1, "-1d": -1, "99999999999d": -1, "1e9s": -1, "9999999999h": -1, "1.5d": -1,
	} {
		d, err := parseDuration(text)
		if err != nil {
			d = -1
		}
		if d != want {
			t.Errorf("%q is %v, want %v", text, d, want)
		}
	}
}

// TestDigest says what makes a step another one: what it says, not how it is
// laid out.
func TestDigest(t *testing.T) {
	of := func(text string) string {
		n, problems := syntax.ParseValue(text)
		if problems != nil {
			t.Fatal(problems)
		}
		return digest(n)
	}
	base := of("{sql: SELECT 1, timeout: 5s}")
	for _, same := range []string{"sql: SELECT 1\ntimeout: 5s\n", "sql: SELECT 1 # why\n\n\ntimeout:   5s", `{sql: "SELECT 1", timeout: '5s'}`} {
		if of(same) != base {
			t.Errorf("%q is another step", same)
		}
	}
	for _, other := range []string{
		"{sql: SELECT 2, timeout: 5s}", "{sql: SELECT 1}", "{sql: [SELECT 1], timeout: 5s}", `{sql: SELECT 1, timeout: [5s]}`, "{timeout: 5s, sqlSELECT 1: }",
	} {
		if of(other) == base {
			t.Errorf("%q is the same step", other)
		}
	}
	if of("{a: 1}") == of(`{a: "1"}`) {
		t.Error("a number and a text are the same")
	}
}

func TestSnake(t *testing.T) {
	for name, want := range map[string]string{"ShardCount": "shard_count", "SQL": "sql", "ColocateWith": "colocate_with", "For": "for", "MaxRows": "max_rows", "P95": "p95"} {
		if got := snake(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// FuzzExpression checks that no text makes the compiler of expressions panic, and
// that what it accepts can be run.
func FuzzExpression(f *testing.F) {
	for _, text := range []string{
		"a == 1", "rows[0].x in [1, 2]", "let x = a; x + 1", "any(rows, .b > #.c)", "steps.one.rows", "compare(a, a)", "random(1, a)",
		"a?.b ?? 'x'", "map(1..3, # * a)", "-a ** 2", "not a", "'é' + text", "env.HOME", "a ? b : c", "{'a': a}.a", "a | string()", "raw(text)", "reduce(rows, #acc + .x, 0)",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "..") || len(text) > 200 {
			return // a long range is slow, and nothing else
		}
		node := syntax.TextNode("f", []byte(text))
		rb := &syntax.Runbook{}
		values := map[string]any{"a": int64(1), "text": "x", "rows": []Row{{"x": int64(1), "b": nil}}, "run": RunInfo{}, "env": map[string]any{}, "steps": map[string]any{}}
		c := &compiler{rb: rb, names: newNames(), reads: map[string]bool{}, paths: newPaths(), plan: &Plan{}}
		for name, v := range values {
			if _, has := c.names.known[name]; !has && name != "env" && name != "steps" {
				c.names.known[name] = known{typ: types.TypeOf(v)}
			}
		}
		c.names.steps["one"] = reflect.TypeFor[RunInfo]()
		p := c.compileExpr(node, 0, text, exprSpec{want: reflect.TypeFor[bool](), sql: true})
		if p == nil {
			if len(c.problems) == 0 {
				t.Fatal("neither a program nor a problem")
			}
			return
		}
		_, _ = p.run(values)
		_ = p.operands(values)
	})
}
