package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/shopspring/decimal"

	"runbook/engine/postgres"
)

// Row is one row of a result by column name. Its values have the types that
// package postgres documents. A second column of one name is called name_2.
type Row map[string]any

// NewRows names the values of a result.
func NewRows(r *postgres.Result) []Row {
	names := ColumnNames(r.Columns)
	rows := make([]Row, len(r.Rows))
	for i, values := range r.Rows {
		row := make(Row, len(names))
		for j, name := range names {
			row[name] = values[j]
		}
		rows[i] = row
	}
	return rows
}

// ColumnNames are the names that rows have their values under.
func ColumnNames(columns []postgres.Column) []string {
	names := make([]string, len(columns))
	seen := map[string]int{}
	for i, c := range columns {
		names[i] = c.Name
		if seen[c.Name]++; seen[c.Name] > 1 {
			names[i] = fmt.Sprintf("%s_%d", c.Name, seen[c.Name])
		}
	}
	return names
}

// MarshalJSON keeps the exact values, see postgres.EncodeValue.
func (r Row) MarshalJSON() ([]byte, error) {
	out := make(map[string]json.RawMessage, len(r))
	for name, v := range r {
		b, err := postgres.EncodeValue(v)
		if err != nil {
			return nil, fmt.Errorf("write column %s: %w", name, err)
		}
		out[name] = b
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Row) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*r = make(Row, len(raw))
	for name, x := range raw {
		v, err := postgres.DecodeValue(x)
		if err != nil {
			return fmt.Errorf("read column %s: %w", name, err)
		}
		(*r)[name] = v
	}
	return nil
}

// typeName says what a value is in the words of the language.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "nothing (NULL)"
	case bool:
		return "true or false"
	case string:
		return "text"
	case time.Time:
		return "a time"
	case time.Duration, postgres.Interval:
		return "a duration"
	case decimal.Decimal, float32, float64:
		return "a number"
	case []byte:
		return "bytes"
	}
	switch reflect.ValueOf(v).Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a mapping"
	default:
		return fmt.Sprintf("%T", v)
	}
}

// shown is a value as a message shows it: texts in quotes, long ones cut.
func shown(v any) string {
	const most = 120
	var s string
	switch x := v.(type) {
	case nil:
		return "nil"
	case string:
		s = fmt.Sprintf("%q", x)
	case []Row, Row, []any, map[string]any:
		b, err := json.Marshal(plain(x))
		if err != nil {
			return fmt.Sprint(x)
		}
		s = string(b)
	case time.Duration:
		return x.String()
	default:
		if k := reflect.ValueOf(v).Kind(); k == reflect.Struct || k == reflect.Slice || k == reflect.Map {
			if _, isText := v.(fmt.Stringer); !isText {
				b, err := json.Marshal(v)
				if err == nil {
					s = string(b)
					break
				}
			}
		}
		s = postgres.FormatValue(v)
	}
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// plain makes a value that JSON shows as psql would, without the tags that keep
// types exact.
func plain(v any) any {
	switch x := v.(type) {
	case []Row:
		out := make([]any, len(x))
		for i, r := range x {
			out[i] = plain(r)
		}
		return out
	case Row:
		return plain(map[string]any(x))
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[k] = plain(e)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = plain(e)
		}
		return out
	case nil, bool, int64, string:
		return x
	case decimal.Decimal:
		return json.Number(x.String())
	default:
		return postgres.FormatValue(v)
	}
}

// number splits numbers into the three kinds that are compared differently.
func number(v any) (i int64, d decimal.Decimal, f float64, kind byte) {
	switch x := v.(type) {
	case decimal.Decimal:
		return 0, x, 0, 'd'
	case time.Duration: // a duration is no number: 5 is not 5 ns
		return 0, d, 0, 0
	}
	rv := reflect.ValueOf(v)
	switch {
	case !rv.IsValid():
		return 0, d, 0, 0
	case rv.CanInt():
		return rv.Int(), d, 0, 'i'
	case rv.CanUint():
		if u := rv.Uint(); u <= math.MaxInt64 {
			return int64(u), d, 0, 'i'
		}
		return 0, decimal.NewFromUint64(rv.Uint()), 0, 'd'
	case rv.CanFloat():
		return 0, d, rv.Float(), 'f'
	}
	return 0, d, 0, 0
}

// toDecimal is exact for whole numbers, and the shortest text that reads back
// for a float. NaN and infinities have none.
func toDecimal(i int64, d decimal.Decimal, f float64, kind byte) (decimal.Decimal, bool) {
	switch kind {
	case 'i':
		return decimal.NewFromInt(i), true
	case 'f':
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return d, false
		}
		return decimal.NewFromFloat(f), true
	default:
		return d, true
	}
}

// errIncomparable says why two values have no order or equality.
func errIncomparable(a, b any) error {
	if a == nil || b == nil {
		return fmt.Errorf("cannot put %s and %s in order; test it with == nil first", typeName(a), typeName(b))
	}
	return fmt.Errorf("cannot compare %s (%s) with %s (%s)", typeName(a), shown(a), typeName(b), shown(b))
}

// order compares two values of one kind, or is an error: a comparison of things
// that cannot be compared is never silently false.
func order(a, b any) (int, error) {
	if a == nil || b == nil {
		return 0, errIncomparable(a, b)
	}
	ai, ad, af, ak := number(a)
	bi, bd, bf, bk := number(b)
	if ak != 0 && bk != 0 {
		return orderNumbers(ai, ad, af, ak, bi, bd, bf, bk), nil
	}
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return bytes.Compare([]byte(x), []byte(y)), nil
		}
	case time.Time:
		if y, ok := b.(time.Time); ok {
			return x.Compare(y), nil
		}
	case []byte:
		if y, ok := b.([]byte); ok {
			return bytes.Compare(x, y), nil
		}
	case time.Duration, postgres.Interval:
		x1, _ := interval(a)
		if y, ok := interval(b); ok {
			return x1.Compare(y), nil
		}
	}
	return orderKinds(a, b)
}

func interval(v any) (postgres.Interval, bool) {
	switch x := v.(type) {
	case postgres.Interval:
		return x, true
	case time.Duration:
		return postgres.Interval{Microseconds: x.Microseconds()}, true
	}
	return postgres.Interval{}, false
}

// orderKinds serves named string types, which results have.
func orderKinds(a, b any) (int, error) {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if x.Kind() == reflect.String && y.Kind() == reflect.String {
		return bytes.Compare([]byte(x.String()), []byte(y.String())), nil
	}
	return 0, errIncomparable(a, b)
}

func orderNumbers(ai int64, ad decimal.Decimal, af float64, ak byte, bi int64, bd decimal.Decimal, bf float64, bk byte) int {
	if ak == 'i' && bk == 'i' {
		switch {
		case ai < bi:
			return -1
		case ai > bi:
			return 1
		}
		return 0
	}
	x, okx := toDecimal(ai, ad, af, ak)
	y, oky := toDecimal(bi, bd, bf, bk)
	if okx && oky {
		return x.Cmp(y)
	}
	// PostgreSQL's order: NaN equals itself and is above everything.
	rank := func(f float64, finite bool) float64 {
		switch {
		case finite:
			return 0
		case math.IsNaN(f):
			return 2
		default:
			return math.Copysign(1, f)
		}
	}
	d := rank(af, okx) - rank(bf, oky)
	switch {
	case d < 0:
		return -1
	case d > 0:
		return 1
	}
	return 0
}

// equal says whether two values are the same. NULL equals only NULL; lists and
// mappings are equal when their parts are.
func equal(a, b any) (bool, error) {
	if a == nil || b == nil {
		return isNil(a) && isNil(b), nil
	}
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	switch {
	case x.Kind() == reflect.Bool && y.Kind() == reflect.Bool:
		return x.Bool() == y.Bool(), nil
	case isList(x) && isList(y):
		return equalLists(x, y)
	case x.Kind() == reflect.Map && y.Kind() == reflect.Map:
		return equalMaps(x, y)
	case x.Kind() == reflect.Struct && x.Type() == y.Type() && !ordered(a):
		return reflect.DeepEqual(a, b), nil
	}
	c, err := order(a, b)
	return c == 0, err
}

func ordered(v any) bool {
	switch v.(type) {
	case decimal.Decimal, time.Time, postgres.Interval:
		return true
	}
	return false
}

func isNil(v any) bool {
	if v == nil {
		return true
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return rv.IsNil()
	}
	return false
}

func isList(v reflect.Value) bool {
	return v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8
}

func equalLists(x, y reflect.Value) (bool, error) {
	if x.Len() != y.Len() {
		return false, nil
	}
	for i := range x.Len() {
		if same, err := equal(x.Index(i).Interface(), y.Index(i).Interface()); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

func equalMaps(x, y reflect.Value) (bool, error) {
	if x.Len() != y.Len() {
		return false, nil
	}
	for _, k := range x.MapKeys() {
		v := y.MapIndex(k)
		if !v.IsValid() {
			return false, nil
		}
		if same, err := equal(x.MapIndex(k).Interface(), v.Interface()); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// compute is exact arithmetic: whole numbers do not wrap around, numeric stays
// numeric. Whole numbers divide to a numeric when they do not divide evenly.
func compute(op string, a, b any) (any, error) {
	if op == "+" {
		if x, ok := a.(string); ok {
			if y, ok := b.(string); ok {
				return x + y, nil
			}
		}
	}
	if v, ok := computeTimes(op, a, b); ok {
		return v, nil
	}
	ai, ad, af, ak := number(a)
	bi, bd, bf, bk := number(b)
	if ak == 0 || bk == 0 {
		return nil, fmt.Errorf("cannot compute %s (%s) %s %s (%s)", typeName(a), shown(a), op, typeName(b), shown(b))
	}
	if ak == 'f' || bk == 'f' {
		return computeFloats(op, float(ai, ad, af, ak), float(bi, bd, bf, bk))
	}
	x, _ := toDecimal(ai, ad, 0, ak)
	y, _ := toDecimal(bi, bd, 0, bk)
	var z decimal.Decimal
	switch op {
	case "+":
		z = x.Add(y)
	case "-":
		z = x.Sub(y)
	case "*":
		z = x.Mul(y)
	case "/", "%":
		if y.IsZero() {
			return nil, fmt.Errorf("division by zero: %s %s %s", shown(a), op, shown(b))
		}
		if op == "%" {
			z = x.Mod(y)
		} else {
			z = x.Div(y)
		}
	}
	if ak == 'i' && bk == 'i' && z.IsInteger() {
		if !z.BigInt().IsInt64() {
			return nil, fmt.Errorf("%s %s %s does not fit into 64 bits", shown(a), op, shown(b))
		}
		return z.IntPart(), nil
	}
	return z, nil
}

func float(i int64, d decimal.Decimal, f float64, kind byte) float64 {
	switch kind {
	case 'i':
		return float64(i)
	case 'd':
		return d.InexactFloat64()
	}
	return f
}

func computeFloats(op string, x, y float64) (any, error) {
	switch op {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	case "/":
		return x / y, nil
	default:
		return math.Mod(x, y), nil
	}
}

// computeTimes knows time ± duration, time - time, duration ± duration and
// duration by a number.
func computeTimes(op string, a, b any) (any, bool) {
	switch x := a.(type) {
	case time.Time:
		switch y := b.(type) {
		case time.Duration:
			if op == "+" {
				return x.Add(y), true
			} else if op == "-" {
				return x.Add(-y), true
			}
		case time.Time:
			if op == "-" {
				return x.Sub(y), true
			}
		}
	case time.Duration:
		if y, ok := b.(time.Duration); ok {
			switch op {
			case "+":
				return x + y, true
			case "-":
				return x - y, true
			case "/":
				return float64(x) / float64(y), true
			}
		}
		if i, d, f, k := number(b); k != 0 {
			switch op {
			case "*":
				return time.Duration(float64(x) * float(i, d, f, k)), true
			case "/":
				return time.Duration(float64(x) / float(i, d, f, k)), true
			}
		}
	}
	if _, ok := b.(time.Duration); ok && op == "*" {
		if _, _, _, k := number(a); k != 0 {
			return computeTimes(op, b, a)
		}
	}
	return nil, false
}
