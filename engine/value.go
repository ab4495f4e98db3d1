package engine

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/shopspring/decimal"

	"runbook/engine/postgres"
)

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
	case bool: // as expressions write it; FormatValue says t
		return strconv.FormatBool(x)
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
