package postgres

import (
	"encoding/hex"
	"strconv"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/shopspring/decimal"
)

// decoder turns the text of one value that is not NULL into a Go value. What it
// cannot read it returns as a string: never an error, never a guess.
type decoder func(text []byte) any

// decoderFor chooses by type; [Session.Query] documents the choice.
func decoderFor(oid uint32) decoder {
	switch oid {
	case pgtype.BoolOID:
		return decodeBool
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID:
		return decodeInt
	case pgtype.NumericOID:
		return decodeNumeric
	case pgtype.Float4OID, pgtype.Float8OID:
		return decodeFloat
	case pgtype.ByteaOID:
		return decodeBytea
	case pgtype.DateOID, pgtype.TimestampOID, pgtype.TimestamptzOID:
		return decodeTime
	case pgtype.IntervalOID:
		return decodeInterval
	case pgtype.JSONOID, pgtype.JSONBOID:
		return decodeJSON
	}
	if element, ok := elements[oid]; ok {
		return arrayDecoder(element)
	}
	return decodeText
}

func decodeText(text []byte) any { return string(text) }

func decodeBool(text []byte) any {
	switch string(text) {
	case "t":
		return true
	case "f":
		return false
	}
	return string(text)
}

func decodeInt(text []byte) any {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return string(text)
	}
	return n
}

// decodeNumeric keeps the scale: 1.10 is not 1.1. NaN and the infinities are no
// decimals, but are floats.
func decodeNumeric(text []byte) any {
	switch string(text) {
	case "NaN", "Infinity", "-Infinity":
		return decodeFloat(text)
	}
	d, err := decimal.NewFromString(string(text))
	if err != nil {
		return string(text)
	}
	return d
}

func decodeFloat(text []byte) any {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return string(text)
	}
	return f
}

// decodeBytea reads both forms of bytea_output.
func decodeBytea(text []byte) any {
	if len(text) >= 2 && text[0] == '\\' && text[1] == 'x' {
		b, err := hex.DecodeString(string(text[2:]))
		if err != nil {
			return string(text)
		}
		return b
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '\\':
			b = append(b, text[i])
		case i+1 < len(text) && text[i+1] == '\\':
			b = append(b, '\\')
			i++
		case i+3 < len(text):
			n, err := strconv.ParseUint(string(text[i+1:i+4]), 8, 8)
			if err != nil {
				return string(text)
			}
			b = append(b, byte(n))
			i += 3
		default:
			return string(text)
		}
	}
	return b
}
