package syntax

import "strings"

// Piece is a stretch of a template: plain text, or the expression of one ${…}.
// Offset is the byte in the template where the text or the expression begins.
type Piece struct {
	Text   string
	Expr   bool
	Offset int
}

// TemplateError says what is wrong with a template at a byte of it.
type TemplateError struct {
	Offset  int
	Message string
}

func (e *TemplateError) Error() string { return e.Message }

// Template splits text at its insertions ${…}. `\${` stands for a literal `${`.
// A brace inside a string of the expression does not end it. The error is a
// *TemplateError.
func Template(text string) ([]Piece, error) {
	var parts []Piece
	rest := 0
	flush := func(to int) {
		if to > rest {
			parts = append(parts, Piece{Text: text[rest:to], Offset: rest})
		}
	}
	for i := 0; ; {
		next := strings.Index(text[i:], "${")
		if next < 0 {
			flush(len(text))
			return parts, nil
		}
		at := i + next
		if at > i && text[at-1] == '\\' {
			flush(at - 1)
			rest, i = at, at+2
			continue
		}
		end := closing(text, at+2)
		if end < 0 {
			return nil, &TemplateError{at, "this ${ is never closed"}
		}
		if strings.TrimSpace(text[at+2:end]) == "" {
			return nil, &TemplateError{at, "${} holds no expression"}
		}
		flush(at)
		parts = append(parts, Piece{Text: text[at+2 : end], Expr: true, Offset: at + 2})
		rest, i = end+1, end+1
	}
}

// closing finds the brace that ends an expression which begins at i, or -1.
func closing(text string, i int) int {
	depth := 0
	for i < len(text) {
		switch c := text[i]; c {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		case '\'', '"', '`':
			for i++; i < len(text) && text[i] != c; i++ {
				if text[i] == '\\' && c != '`' {
					i++
				}
			}
		}
		i++
	}
	return -1
}
