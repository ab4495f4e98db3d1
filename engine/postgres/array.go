package postgres

import (
	"bytes"
	"strings"
)

// arrayDecoder reads arrays of any dimension, such as {1,NULL} or {{a,b},{c,d}}.
// Bounds, as in [0:1]={1,2}, are read over.
func arrayDecoder(element uint32) decoder {
	decode := decoderFor(element)
	return func(text []byte) any {
		body := text
		if len(body) > 0 && body[0] == '[' {
			_, after, found := bytes.Cut(body, []byte("={"))
			if !found {
				return string(text)
			}
			body = body[len(body)-len(after)-1:]
		}
		// The only built-in type whose arrays are delimited otherwise is box,
		// which is not read as an array.
		p := arrayParser{text: body, decode: decode}
		list, ok := p.list()
		if !ok || p.at != len(p.text) {
			return string(text)
		}
		return list
	}
}

type arrayParser struct {
	text   []byte
	at     int
	decode decoder
}

func (p *arrayParser) list() ([]any, bool) {
	if !p.eat('{') {
		return nil, false
	}
	list := []any{}
	if p.eat('}') {
		return list, true
	}
	for {
		value, ok := p.value()
		if !ok {
			return nil, false
		}
		list = append(list, value)
		if p.eat('}') {
			return list, true
		}
		if !p.eat(',') {
			return nil, false
		}
	}
}

func (p *arrayParser) value() (any, bool) {
	if p.at >= len(p.text) {
		return nil, false
	}
	switch p.text[p.at] {
	case '{':
		return p.list()
	case '"':
		return p.quoted()
	}
	start := p.at
	for p.at < len(p.text) && p.text[p.at] != ',' && p.text[p.at] != '}' {
		p.at++
	}
	word := p.text[start:p.at]
	if string(word) == "NULL" { // the string NULL is quoted
		return nil, true
	}
	return p.decode(word), true
}

func (p *arrayParser) quoted() (any, bool) {
	var b []byte
	for p.at++; p.at < len(p.text); p.at++ {
		switch p.text[p.at] {
		case '\\':
			if p.at++; p.at >= len(p.text) {
				return nil, false
			}
		case '"':
			p.at++
			return p.decode(b), true
		}
		b = append(b, p.text[p.at])
	}
	return nil, false
}

func (p *arrayParser) eat(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

// formatArray writes a list as the server does, quoting only what needs it.
func formatArray(list []any) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, v := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		switch v := v.(type) {
		case nil:
			b.WriteString("NULL")
		case []any:
			b.WriteString(formatArray(v))
		default:
			b.WriteString(arrayElement(FormatValue(v)))
		}
	}
	b.WriteByte('}')
	return b.String()
}

func arrayElement(text string) string {
	if text != "" && !strings.EqualFold(text, "NULL") && !strings.ContainsAny(text, "{},\"\\ \t\n\r\v\f") {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
