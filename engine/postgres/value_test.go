package postgres_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"runbook/engine/postgres"
)

// expressions are values of every type, with the Go type that they become.
var expressions = map[string]string{
	"true": "bool", "false": "bool", "NULL::int": "<nil>",
	"1::smallint": "int64", "(-2147483648)::int": "int64", "9223372036854775807": "int64", "(-9223372036854775808)::bigint": "int64", "4294967295::oid": "int64",
	"1.10": "decimal.Decimal", "-0.000": "decimal.Decimal", "123456789012345678901234567890.5": "decimal.Decimal", "100::numeric": "decimal.Decimal",
	"'NaN'::numeric": "float64", "0.1::real": "float64", "1e300::float8": "float64", "'-Infinity'::float8": "float64", "1e15::float8": "float64", "1e-5::float8": "float64", "123456789012345::float8": "float64",
	"'it''s \\ 😀'::text": "string", "''::text": "string", "'a'::char(4)": "string", "'{}'::text": "string", "'16fd2706-8baf-433b-82eb-8c7fada847da'::uuid": "string", "'10.0.0.0/8'::inet": "string", "'pg_class'::regclass": "string",
	"'\\x00ff'::bytea": "[]uint8", "''::bytea": "[]uint8",
	"'2026-02-28'::date": "time.Time", "'0044-03-15 BC'::date": "time.Time", "'infinity'::date": "string",
	"'2026-02-28 12:34:56.789'::timestamp": "time.Time", "'20000-01-01'::timestamp": "time.Time",
	"'2026-02-28 12:34:56.789012+05:30'::timestamptz": "time.Time", "'1890-01-01 00:00:00'::timestamptz": "time.Time", "'-infinity'::timestamptz": "string",
	"'04:05:06.7'::interval": "time.Duration", "'-1 second'::interval": "time.Duration", "'0'::interval": "time.Duration",
	"'1 year 2 mons -3 days 04:05:06.7'::interval": "postgres.Interval", "'-1 mons +2 days -00:00:00.5'::interval": "postgres.Interval", "'3000000 hours'::interval": "postgres.Interval", "'-1 year -1 mon'::interval": "postgres.Interval",
	"ARRAY[1,NULL,-3]": "[]interface {}", "ARRAY[[1,2],[3,4]]": "[]interface {}", "'{}'::int[]": "[]interface {}",
	`ARRAY['a b','','NULL','nu"ll','\',NULL]`: "[]interface {}", "ARRAY[1.10,2]": "[]interface {}", "ARRAY[true,false]": "[]interface {}",
	"ARRAY['1 day'::interval, '1 s']": "[]interface {}", "ARRAY['2026-01-01'::date]": "[]interface {}", "ARRAY['\\x01'::bytea]": "[]interface {}", "ARRAY['2026-01-01 10:00'::timestamp]": "[]interface {}",
	`'{"a": 9007199254740993, "bb": [1.10, null, true, "x\"<"], "ab": {"é": -1e-3}}'::jsonb`: "map[string]interface {}",
	`'[{"a": 1}, 2]'::jsonb`: "[]interface {}",
}

func TestValues(t *testing.T) {
	for _, zone := range []string{"UTC", "Asia/Kolkata", "America/New_York"} {
		s := connect(t, postgres.Options{})
		query(t, s, "SET TimeZone = '"+zone+"'")
		for expression, want := range expressions {
			v := value(t, s, "SELECT "+expression)
			if got := fmt.Sprintf("%T", v); got != want {
				t.Errorf("%s: got %s %v, want %s", expression, got, v, want)
				continue
			}
			// A real is shown as one and compared as a double, and a comparison
			// with a regclass is one of oids.
			if strings.Contains(expression, "real") || strings.Contains(expression, "regclass") {
				continue
			}
			checkLiteral(t, s, expression, v)
			checkText(t, s, expression, v)
			checkCodec(t, v)
		}
	}
}

// checkLiteral proves that the literal of a value is the value.
func checkLiteral(t *testing.T, s *postgres.Session, expression string, v any) {
	t.Helper()
	literal, err := postgres.Literal(v)
	if err != nil {
		t.Errorf("%s: %v", expression, err)
		return
	}
	same, err := s.Query(t.Context(), "SELECT ("+expression+") IS NOT DISTINCT FROM "+literal)
	if err != nil || same.Rows[0][0] != true {
		t.Errorf("%s: literal %s is another value (%v)", expression, literal, err)
	}
	param, err := s.Query(t.Context(), "SELECT ("+expression+") IS NOT DISTINCT FROM $1", v)
	if err != nil || param.Rows[0][0] != true {
		t.Errorf("%s: as a parameter %v is another value (%v)", expression, v, err)
	}
}

// checkText proves that FormatValue is what the server writes.
func checkText(t *testing.T, s *postgres.Session, expression string, v any) {
	t.Helper()
	if v == nil || v == true || v == false {
		return
	}
	text := value(t, s, "SELECT ("+expression+")::text")
	if strings.Contains(expression, "char(4)") { // the cast drops the padding
		text = "a   "
	}
	if got := postgres.FormatValue(v); got != text {
		t.Errorf("%s: shown as %s, want %s", expression, got, text)
	}
}

func checkCodec(t *testing.T, v any) {
	t.Helper()
	text, err := postgres.EncodeValue(v)
	if err != nil {
		t.Errorf("%v: %v", v, err)
		return
	}
	if !json.Valid(text) {
		t.Errorf("%v: %s is not JSON", v, text)
	}
	back, err := postgres.DecodeValue(text)
	if err != nil || !same(v, back) {
		t.Errorf("%T %v: encoded as %s, decoded as %T %v (%v)", v, v, text, back, back, err)
	}
}

// same is equality of value and type, NaN equal to itself.
func same(v, w any) bool {
	if reflect.TypeOf(v) != reflect.TypeOf(w) {
		return false
	}
	switch v := v.(type) {
	case float64:
		return math.Float64bits(v) == math.Float64bits(w.(float64)) || math.IsNaN(v) && math.IsNaN(w.(float64))
	case time.Time:
		return v.Equal(w.(time.Time)) && postgres.KindOf(v) == postgres.KindOf(w.(time.Time)) && postgres.FormatValue(v) == postgres.FormatValue(w)
	case []any:
		list := w.([]any)
		for i := range v {
			if len(list) != len(v) || !same(v[i], list[i]) {
				return false
			}
		}
		return len(list) == len(v)
	case map[string]any:
		object := w.(map[string]any)
		for key := range v {
			if got, ok := object[key]; !ok || !same(v[key], got) {
				return false
			}
		}
		return len(object) == len(v)
	case decimal.Decimal:
		return postgres.FormatValue(v) == postgres.FormatValue(w)
	}
	return reflect.DeepEqual(v, w)
}

func TestCodecRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		checkCodec(t, randomValue(r, 3))
	}
}

func randomValue(r *rand.Rand, depth int) any {
	kinds := 11
	if depth > 0 {
		kinds = 13
	}
	switch r.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return int64(r.Uint64())
	case 3:
		return decimal.New(int64(r.Uint64()), -int32(r.IntN(30)))
	case 4:
		return math.Float64frombits(r.Uint64())
	case 5:
		return randomText(r)
	case 6:
		return []byte(randomText(r))
	case 7:
		return time.Unix(r.Int64N(1<<40)-1<<39, r.Int64N(1e9)).In(time.FixedZone("", r.IntN(100_000)-50_000))
	case 8:
		return time.Duration(r.Uint64())
	case 9:
		return postgres.Interval{Months: int32(r.Uint32()), Days: int32(r.Uint32()), Microseconds: int64(r.Uint64())}
	case 10:
		return "$numeric"
	case 11:
		list := make([]any, r.IntN(4))
		for i := range list {
			list[i] = randomValue(r, depth-1)
		}
		return list
	}
	object := map[string]any{}
	for range r.IntN(4) {
		object[[]string{"", "$numeric", "$json", "a<b", "é"}[r.IntN(5)]] = randomValue(r, depth-1)
	}
	return object
}

func randomText(r *rand.Rand) string {
	b := make([]byte, r.IntN(12))
	for i := range b {
		b[i] = byte(r.IntN(256))
	}
	return string(b)
}

func TestDecodeValueErrors(t *testing.T) {
	for _, text := range []string{"", "1.5", "{}", `{"$what":"1"}`, `{"$time":"today"}`, `{"$numeric":"1","$float":"1"}`, "[1", "nul"} {
		if v, err := postgres.DecodeValue(json.RawMessage(text)); err == nil {
			t.Errorf("%q is %v", text, v)
		}
	}
}

// TestForeignStyles changes what the decoder relies on: then it keeps the text.
func TestForeignStyles(t *testing.T) {
	s := connect(t, postgres.Options{})
	for _, style := range []string{"SQL, DMY", "German", "Postgres, DMY"} {
		query(t, s, "SET DateStyle = '"+style+"'")
		for _, expression := range []string{"'2026-02-03'::date", "'2026-02-03 10:00'::timestamp", "now()"} {
			if v, ok := value(t, s, "SELECT "+expression).(string); !ok {
				t.Errorf("%s: %s is a %T", style, expression, v)
			}
		}
	}
	for _, style := range []string{"sql_standard", "postgres_verbose", "iso_8601"} {
		query(t, s, "SET IntervalStyle = "+style)
		for _, expression := range []string{"1 year 2 mons -3 days 04:05:06", "-1 mons -4 hours", "3 days", "-2 days -00:00:01", "0", "04:05:06", "-14:05:06"} {
			v := value(t, s, "SELECT '"+expression+"'::interval")
			if _, isText := v.(string); isText {
				continue
			}
			if back := value(t, s, "SELECT extract(epoch FROM '"+expression+"'::interval)::bigint"); v != time.Duration(back.(int64))*time.Second {
				t.Errorf("%s: %s became %v", style, expression, v)
			}
		}
	}
}

func TestIntervalCompare(t *testing.T) {
	s := connect(t, postgres.Options{})
	list := []postgres.Interval{
		{},
		{Months: 1},
		{Days: 30},
		{Days: 29, Microseconds: 86_400_000_001},
		{Months: -1, Days: 31},
		{Microseconds: -1},
		{Days: 1},
		{Microseconds: 86_400_000_000},
		{Months: math.MaxInt32},
		{Days: math.MinInt32, Microseconds: math.MaxInt64},
	}
	for _, a := range list {
		for _, b := range list {
			sql := fmt.Sprintf("SELECT CASE WHEN '%[1]s'::interval < '%[2]s' THEN -1 WHEN '%[1]s'::interval = '%[2]s' THEN 0 ELSE 1 END", a, b)
			if want := value(t, s, sql); int64(a.Compare(b)) != want {
				t.Errorf("%v with %v: %d, want %v", a, b, a.Compare(b), want)
			}
		}
	}
}

func TestColumnTypes(t *testing.T) {
	s := connect(t, postgres.Options{})
	for _, row := range query(t, s, "SELECT oid::bigint, format_type(oid, NULL) FROM pg_type WHERE oid < 10000").Rows {
		name := postgres.TypeName(uint32(row[0].(int64)))
		if name != row[1] && !strings.HasPrefix(name, "oid ") {
			t.Errorf("type %v is %v, not %s", row[0], row[1], name)
		}
	}
}
