package postgres

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// FormatValue is the text of a value as psql shows it, NULL as "NULL". Lists are
// shown as arrays, {1,2}, unless they hold an object; objects as jsonb is.
func FormatValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case bool:
		return strconv.FormatBool(v)[:1]
	case int64:
		return strconv.FormatInt(v, 10)
	case decimal.Decimal:
		return decimalText(v)
	case float64:
		return formatFloat(v)
	case string:
		return v
	case []byte:
		return `\x` + hex.EncodeToString(v)
	case time.Time:
		return formatTime(v)
	case time.Duration:
		return formatClock(v.Microseconds())
	case []any:
		if holdsObject(v) {
			return formatJSON(v)
		}
		return formatArray(v)
	case map[string]any:
		return formatJSON(v)
	}
	return fmt.Sprint(v)
}

func formatJSON(v any) string {
	text, err := appendJSON(nil, v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// decimalText writes all digits of the scale; Decimal.String drops zeros.
func decimalText(d decimal.Decimal) string {
	if d.Exponent() < 0 {
		return d.StringFixed(-d.Exponent())
	}
	return d.String()
}

// formatFloat is the shortest text that reads back exactly, with an exponent
// where the server writes one.
func formatFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	short := strconv.FormatFloat(f, 'e', -1, 64)
	exponent, _ := strconv.Atoi(short[strings.IndexByte(short, 'e')+1:])
	if f != 0 && (exponent < -4 || exponent >= 15) {
		return short
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// textParams writes parameters in the text format; the server knows their types.
func textParams(args []any) ([][]byte, error) {
	if len(args) == 0 {
		return nil, nil
	}
	params := make([][]byte, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case nil:
			continue
		case bool, int, int64, decimal.Decimal, float64, string, []byte, time.Time,
			time.Duration, Interval, map[string]any, []any, []string:
			params[i] = []byte(FormatValue(plain(arg)))
		default:
			return nil, fmt.Errorf("parameter $%d: no SQL value for a %T", i+1, arg)
		}
	}
	return params, nil
}

// plain turns the types that only callers use into those of values.
func plain(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case int32:
		return int64(v)
	case uint32:
		return int64(v)
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return list
	}
	return v
}
