package postgres

import (
	"math"
	"testing"
	"time"

	"github.com/shopspring/decimal"
)

func TestLiteral(t *testing.T) {
	for _, test := range []struct {
		v    any
		want string
	}{
		{nil, "NULL"},
		{true, "true"},
		{7, "7"},
		{int64(-7), "(-7)"},
		{int64(math.MinInt64), "'-9223372036854775808'::bigint"},
		{decimal.RequireFromString("-1.10"), "(-1.10)"},
		{decimal.RequireFromString("5"), "'5'::numeric"},
		{math.NaN(), "'NaN'::float8"},
		{"it's", "'it''s'"},
		{`a\'b`, `E'a\\''b'`},
		{[]byte{0, 255}, `E'\\x00ff'::bytea`},
		{90 * time.Minute, "'01:30:00'::interval"},
		{Interval{Months: -1, Days: 2}, "'-1 mons +2 days'::interval"},
		{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "'2026-01-02 03:04:05+00'::timestamptz"},
		{time.Date(2026, 1, 2, 3, 4, 5, 0, timestampZone), "'2026-01-02 03:04:05'::timestamp"},
		{time.Date(2026, 1, 2, 0, 0, 0, 0, dateZone), "'2026-01-02'::date"},
		{[]string{}, "'{}'"},
		{[]string{"a", "b'"}, "ARRAY['a','b''']"},
		{[]any{[]any{int64(1)}, []any{nil}}, "ARRAY[ARRAY[1],ARRAY[NULL]]"},
		{map[string]any{"a": "'"}, `'{"a": "''"}'::jsonb`},
		{[]any{map[string]any{}}, `'[{}]'::jsonb`},
	} {
		got, err := Literal(test.v)
		if err != nil || got != test.want {
			t.Errorf("%v: got %s (%v), want %s", test.v, got, err, test.want)
		}
	}
	for _, v := range []any{
		"a\x00",
		struct{}{},
		[]any{[]any{}},
		[]any{int64(1), []any{int64(2)}},
		[]any{"a\x00"},
		decimal.New(1, 1_000_000_000),
		map[string]any{"a": math.NaN()},
	} {
		if got, err := Literal(v); err == nil {
			t.Errorf("%v: got %s, want an error", v, got)
		}
	}
}

func TestIdent(t *testing.T) {
	for name, want := range map[string]string{
		"orders":        `"orders"`,
		"public.orders": `"public"."orders"`,
		`"a.b".c`:       `"a.b"."c"`,
		`"a""b"`:        `"a""b"`,
		`a"b`:           `"a""b"`,
		`a.`:            `"a."`,
		`"a"x.b`:        `"""a""x.b"`,
		`"open`:         `"""open"`,
		"":              `""`,
		"Ü x;--":        `"Ü x;--"`,
	} {
		if got := Ident(name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}

func TestOffsetAt(t *testing.T) {
	for position, want := range map[int]int{0: -1, 1: 0, 2: 1, 3: 3, 9: 4} {
		if got := OffsetAt("aéb", position); got != want {
			t.Errorf("position %d: %d, want %d", position, got, want)
		}
	}
}
