package postgres

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Literal writes a value as SQL text of the right type that can stand wherever
// an expression can. Besides the types a value can have it takes int and
// []string.
//
// Strings have no cast: the server gives them the type that their place asks
// for, be it text, uuid or an enum. Times become what [KindOf] says, so that a
// timestamp is not shifted by the session's TimeZone. A list becomes an array,
// unless it holds an object: then it is jsonb, like an object by itself. An empty
// list takes its type from its place.
func Literal(v any) (string, error) {
	switch v := plain(v).(type) {
	case nil:
		return "NULL", nil
	case bool:
		if v {
			return "true", nil
		}
		return "false", nil
	case int64:
		return intLiteral(v), nil
	case decimal.Decimal:
		return numericLiteral(v)
	case float64:
		return "'" + FormatValue(v) + "'::float8", nil
	case string:
		return quote(v)
	case []byte:
		return "E'\\" + FormatValue(v) + "'::bytea", nil
	case time.Time:
		return "'" + formatTime(v) + "'::" + KindOf(v).String(), nil
	case time.Duration, Interval:
		return "'" + FormatValue(v) + "'::interval", nil
	case []any:
		if !holdsObject(v) {
			return listLiteral(v)
		}
		return jsonLiteral(v)
	case map[string]any:
		return jsonLiteral(v)
	}
	return "", fmt.Errorf("no SQL literal for a %T", v)
}

// intLiteral has parentheses around a negative number: after a minus it would
// begin a comment, and a cast binds tighter than the sign.
func intLiteral(n int64) string {
	switch {
	case n == math.MinInt64: // its digits alone are a numeric
		return "'-9223372036854775808'::bigint"
	case n < 0:
		return "(" + FormatValue(n) + ")"
	}
	return FormatValue(n)
}

func numericLiteral(d decimal.Decimal) (string, error) {
	if d.Exponent() > maxExponent || d.Exponent() < -maxExponent {
		return "", fmt.Errorf("a number with exponent %d is out of the range of numeric", d.Exponent())
	}
	text := decimalText(d)
	if d.Exponent() >= 0 { // it would be an integer
		return "'" + text + "'::numeric", nil
	}
	if d.IsNegative() {
		return "(" + text + ")", nil
	}
	return text, nil
}

// quote follows the server's quote_literal. The E” form, and ” without
// backslashes, mean the same whatever standard_conforming_strings is.
func quote(s string) (string, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return "", errors.New("a string with a NUL byte has no SQL literal")
	}
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return "E" + strings.ReplaceAll(quoted, `\`, `\\`), nil
	}
	return quoted, nil
}

func jsonLiteral(v any) (string, error) {
	text, err := appendJSON(nil, v)
	if err != nil {
		return "", err
	}
	quoted, err := quote(string(text))
	return quoted + "::jsonb", err
}

func listLiteral(list []any) (string, error) {
	if len(list) == 0 {
		return "'{}'", nil
	}
	if _, err := shape(list); err != nil {
		return "", err
	}
	items := make([]string, len(list))
	for i, v := range list {
		item, err := Literal(v)
		if err != nil {
			return "", err
		}
		items[i] = item
	}
	return "ARRAY[" + strings.Join(items, ",") + "]", nil
}

// shape returns the lengths of a list by dimension. Arrays are rectangular, and
// an ARRAY['{}'] would silently be a text array with a text of two braces.
func shape(v any) ([]int, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, nil
	}
	if len(list) == 0 {
		return nil, errors.New("an empty list in a list has no SQL literal")
	}
	first, err := shape(list[0])
	if err != nil {
		return nil, err
	}
	for _, v := range list[1:] {
		other, err := shape(v)
		if err != nil {
			return nil, err
		}
		if fmt.Sprint(other) != fmt.Sprint(first) {
			return nil, errors.New("a list whose elements differ in shape has no SQL literal")
		}
	}
	return append([]int{len(list)}, first...), nil
}

// Ident quotes a name, and each part of a name with dots: a.b becomes "a"."b". A
// part that is quoted already is taken as it is meant, as parse_ident does, so
// that "a.b".c stays a name of two parts. Names are never folded to lower case:
// what a variable holds is the name itself.
func Ident(name string) string {
	parts := identParts(name)
	for i, part := range parts {
		parts[i] = `"` + strings.ReplaceAll(part, `"`, `""`) + `"`
	}
	return strings.Join(parts, ".")
}

// identParts splits at dots outside of double quotes. A name whose quotes are
// not in the right places is one part: quoting makes it harmless, and the server
// says that it does not exist.
func identParts(name string) []string {
	var parts []string
	rest := name
	for {
		part, after, ok := identPart(rest)
		if !ok {
			return []string{name}
		}
		parts = append(parts, part)
		if after == "" {
			return parts
		}
		rest = after[1:] // the dot
	}
}

// identPart reads up to the next dot or to the end.
func identPart(s string) (part, after string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexByte(s, '.')
		if i < 0 {
			i = len(s)
		}
		return s[:i], s[i:], i > 0 && !strings.Contains(s[:i], `"`)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] == '"' {
			if i+1 == len(s) || s[i+1] == '.' {
				return b.String(), s[i+1:], b.Len() > 0
			}
			if s[i+1] != '"' {
				break
			}
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}
