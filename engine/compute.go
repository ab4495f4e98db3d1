package engine

import (
	"fmt"
	"math"
	"time"

	"github.com/shopspring/decimal"
)

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
