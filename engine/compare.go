package engine

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/shopspring/decimal"

	"runbook/engine/postgres"
)

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
