package postgres

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// The tags of EncodeValue. A tagged value is an object of one key.
const (
	tagNumeric  = "$numeric"
	tagFloat    = "$float"
	tagTime     = "$time" // the text form tells date, timestamp and timestamptz apart
	tagDuration = "$duration"
	tagInterval = "$interval"
	tagBytes    = "$bytes"
	tagText     = "$text" // a string that is not UTF-8, which JSON cannot hold
	tagObject   = "$json"
)

// EncodeValue writes a value as JSON from which [DecodeValue] gets the same value
// of the same type back. NULL, booleans, integers, strings and lists are plain
// JSON; all others are tagged, such as {"$numeric": "1.10"}.
func EncodeValue(v any) (json.RawMessage, error) {
	switch v := plain(v).(type) {
	case nil, bool, int64:
		return json.Marshal(v)
	case string:
		if !utf8.ValidString(v) {
			return tagged(tagText, []byte(v))
		}
		return appendJSONString(nil, v)
	case decimal.Decimal:
		return tagged(tagNumeric, decimalText(v))
	case float64:
		return tagged(tagFloat, strconv.FormatFloat(v, 'g', -1, 64))
	case []byte:
		return tagged(tagBytes, v)
	case time.Time:
		return tagged(tagTime, formatTime(v))
	case time.Duration:
		return tagged(tagDuration, v.String())
	case Interval:
		return tagged(tagInterval, v.String())
	case []any:
		list := make([]json.RawMessage, len(v))
		for i := range v {
			text, err := EncodeValue(v[i])
			if err != nil {
				return nil, err
			}
			list[i] = text
		}
		return json.Marshal(list)
	case map[string]any:
		object := make(map[string]json.RawMessage, len(v))
		for key := range v {
			text, err := EncodeValue(v[key])
			if err != nil {
				return nil, err
			}
			object[key] = text
		}
		return tagged(tagObject, object)
	}
	return nil, fmt.Errorf("encode value: no SQL value for a %T", v)
}

func tagged(tag string, v any) (json.RawMessage, error) {
	return json.Marshal(map[string]any{tag: v})
}

// DecodeValue reads what [EncodeValue] wrote.
func DecodeValue(text json.RawMessage) (any, error) {
	v, err := decodeValue(bytes.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("decode value: %w", err)
	}
	return v, nil
}

func decodeValue(text json.RawMessage) (any, error) {
	if len(text) == 0 {
		return nil, fmt.Errorf("no JSON")
	}
	switch text[0] {
	case '{':
		return decodeTagged(text)
	case '[':
		return decodeList(text)
	case '"':
		var s string
		err := json.Unmarshal(text, &s)
		return s, err
	case 't', 'f':
		var b bool
		err := json.Unmarshal(text, &b)
		return b, err
	case 'n':
		var null any
		err := json.Unmarshal(text, &null)
		return null, err
	}
	return strconv.ParseInt(string(text), 10, 64)
}

func decodeList(text json.RawMessage) (any, error) {
	var texts []json.RawMessage
	if err := json.Unmarshal(text, &texts); err != nil {
		return nil, err
	}
	list := make([]any, len(texts))
	for i := range texts {
		v, err := decodeValue(texts[i])
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, nil
}

func decodeTagged(text json.RawMessage) (any, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	for tag, body := range object {
		if len(object) != 1 {
			break
		}
		switch tag {
		case tagObject:
			return decodeObject(body)
		case tagBytes, tagText:
			var b []byte
			err := json.Unmarshal(body, &b)
			if tag == tagText {
				return string(b), err
			}
			return b, err
		}
		var s string
		if err := json.Unmarshal(body, &s); err != nil {
			return nil, err
		}
		return decodeScalar(tag, s)
	}
	return nil, fmt.Errorf("an object of %d keys, want one tag", len(object))
}

func decodeObject(text json.RawMessage) (any, error) {
	var texts map[string]json.RawMessage
	if err := json.Unmarshal(text, &texts); err != nil {
		return nil, err
	}
	object := make(map[string]any, len(texts))
	for key := range texts {
		v, err := decodeValue(texts[key])
		if err != nil {
			return nil, err
		}
		object[key] = v
	}
	return object, nil
}

func decodeScalar(tag, s string) (any, error) {
	switch tag {
	case tagNumeric:
		return decimal.NewFromString(s)
	case tagFloat:
		if s == "NaN" {
			return math.NaN(), nil
		}
		return strconv.ParseFloat(s, 64)
	case tagDuration:
		return time.ParseDuration(s)
	case tagTime:
		if t, ok := parseTime(s); ok {
			return t, nil
		}
	case tagInterval:
		if i, ok := parseInterval(s); ok {
			return i, nil
		}
	default:
		return nil, fmt.Errorf("unknown tag %q", tag)
	}
	return nil, fmt.Errorf("%s %q is not in the expected form", tag, s)
}
