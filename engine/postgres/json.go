package postgres

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// decodeJSON reads json and jsonb; numbers stay exact.
func decodeJSON(text []byte) any {
	v, err := parseJSON(text)
	if err != nil {
		return string(text)
	}
	return v
}

func parseJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text after the JSON value")
	}
	return exactNumbers(v), nil
}

// exactNumbers replaces each json.Number in v, in place where it can.
func exactNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return exactNumber(v.String())
	case []any:
		for i := range v {
			v[i] = exactNumbers(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = exactNumbers(v[key])
		}
	}
	return v
}

// maxExponent is that of numeric. The type json keeps a number as it was
// written, and to write 1e999999999 out takes a gigabyte.
const maxExponent = 131072

func exactNumber(s string) any {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	d, err := decimal.NewFromString(s)
	if err != nil || d.Exponent() > maxExponent || d.Exponent() < -maxExponent {
		return s
	}
	if d.Exponent() > 0 { // 1e2 is 100, as jsonb would show it
		return exactNumber(d.String())
	}
	return d
}

// appendJSON writes a JSON value in jsonb's form: spaces after colons and commas,
// keys by length and then by bytes, the scale of numbers kept.
func appendJSON(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case decimal.Decimal:
		return append(b, decimalText(v)...), nil
	case float64:
		text, err := json.Marshal(v) // which refuses NaN
		return append(b, text...), err
	case string:
		return appendJSONString(b, v)
	case []any:
		return appendJSONList(b, v)
	case map[string]any:
		return appendJSONObject(b, v)
	case time.Time, time.Duration, Interval: // JSON has no form for them but text
		return appendJSONString(b, FormatValue(v))
	}
	return nil, fmt.Errorf("JSON cannot hold a %T", v)
}

func appendJSONString(b []byte, s string) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return nil, err
	}
	return append(b, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...), nil
}

func appendJSONList(b []byte, list []any) ([]byte, error) {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ", "...)
		}
		var err error
		if b, err = appendJSON(b, v); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendJSONObject(b []byte, object map[string]any) ([]byte, error) {
	keys := slices.SortedFunc(maps.Keys(object), func(x, y string) int {
		return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y))
	})
	b = append(b, '{')
	for i, key := range keys {
		if i > 0 {
			b = append(b, ", "...)
		}
		var err error
		if b, err = appendJSONString(b, key); err != nil {
			return nil, err
		}
		b = append(b, ": "...)
		if b, err = appendJSON(b, object[key]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// holdsObject tells a JSON list from an array: both are []any, but no array has
// objects, save those of type json[].
func holdsObject(list []any) bool {
	return slices.ContainsFunc(list, func(v any) bool {
		switch v := v.(type) {
		case map[string]any:
			return true
		case []any:
			return holdsObject(v)
		}
		return false
	})
}
