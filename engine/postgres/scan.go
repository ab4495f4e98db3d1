package postgres

import "strings"

// lexeme is the smallest piece of SQL text that matters to this package.
type lexeme struct {
	kind  lexemeKind
	start int
	end   int
	open  bool   // a string, name or comment that the text ends in
	tag   string // of a dollar-quoted string, with its dollars
}

type lexemeKind int

const (
	blank lexemeKind = iota
	word             // a keyword or a name without quotes
	number
	symbol // one byte of an operator or of punctuation
	stringLit
	dollarLit
	identLit // a name in quotes
	comment
)

// scanner cuts SQL text into lexemes after the rules of psql's lexer, with
// standard_conforming_strings on. Lexemes follow each other without gaps, and
// every input is accepted.
type scanner struct {
	src string
	at  int
}

func (s *scanner) next() (lexeme, bool) {
	if s.at >= len(s.src) {
		return lexeme{}, false
	}
	l := lexeme{start: s.at}
	c := s.src[s.at]
	switch {
	case isBlank(c):
		l.kind = blank
		s.skip(isBlank)
	case c == '-' && s.peek(1) == '-':
		l.kind = comment
		s.skip(func(c byte) bool { return c != '\n' && c != '\r' })
	case c == '/' && s.peek(1) == '*':
		l.kind, l.open = comment, s.blockComment()
	case c == '\'':
		l.kind, l.open = stringLit, s.quoted(false)
	case c == '"':
		l.kind, l.open = identLit, s.ident()
	case c == '$':
		s.dollar(&l)
	case isWordStart(c):
		s.word(&l)
	case isDigit(c):
		// A dollar is no part of a number: 1$a$ is a number and a string.
		l.kind = number
		s.skip(isDigit)
	default:
		l.kind = symbol
		s.at++
	}
	l.end = s.at
	return l, true
}

func (s *scanner) peek(n int) byte {
	if s.at+n < len(s.src) {
		return s.src[s.at+n]
	}
	return 0
}

func (s *scanner) skip(while func(byte) bool) {
	for s.at < len(s.src) && while(s.src[s.at]) {
		s.at++
	}
}

// word reads a word, or the string or name that it is the prefix of.
func (s *scanner) word(l *lexeme) {
	l.kind = word
	s.skip(isWordPart)
	prefix := s.src[l.start:s.at]
	switch next := s.peek(0); {
	case len(prefix) != 1:
	case next == '\'' && strings.Contains("eEbBxXnN", prefix):
		l.kind, l.open = stringLit, s.quoted(prefix == "e" || prefix == "E")
	case next == '&' && strings.Contains("uU", prefix) && s.peek(1) == '\'':
		s.at++
		l.kind, l.open = stringLit, s.quoted(false)
	case next == '&' && strings.Contains("uU", prefix) && s.peek(1) == '"':
		s.at++
		l.kind, l.open = identLit, s.ident()
	}
}

// quoted reads a string from its opening quote, with the pieces that continue it
// on later lines: these are lexed like the first.
func (s *scanner) quoted(escapes bool) (open bool) {
	for {
		if !s.piece(escapes) {
			return true
		}
		next, ok := s.continuation()
		if !ok {
			return false
		}
		s.at = next
	}
}

// piece reads '…' and says whether it was closed.
func (s *scanner) piece(escapes bool) bool {
	for s.at++; s.at < len(s.src); s.at++ {
		switch c := s.src[s.at]; {
		case c == '\\' && escapes:
			s.at++
		case c == '\'' && s.peek(1) == '\'':
			s.at++
		case c == '\'':
			s.at++
			return true
		}
	}
	s.at = len(s.src)
	return false
}

// continuation finds the quote that goes on with the string just read: after
// blanks and line comments with at least one end of line among them.
func (s *scanner) continuation() (int, bool) {
	newline := false
	for i := s.at; i < len(s.src); i++ {
		switch c := s.src[i]; {
		case c == '\n' || c == '\r':
			newline = true
		case isBlank(c):
		case c == '-' && strings.HasPrefix(s.src[i:], "--"):
			end := strings.IndexAny(s.src[i:], "\n\r")
			if end < 0 {
				return 0, false
			}
			newline = true
			i += end
		default:
			return i, c == '\'' && newline
		}
	}
	return 0, false
}

func (s *scanner) ident() (open bool) {
	for s.at++; s.at < len(s.src); s.at++ {
		if s.src[s.at] != '"' {
			continue
		}
		if s.peek(1) != '"' {
			s.at++
			return false
		}
		s.at++
	}
	s.at = len(s.src)
	return true
}

func (s *scanner) blockComment() (open bool) {
	depth := 0
	for s.at < len(s.src) {
		switch {
		case s.src[s.at] == '/' && s.peek(1) == '*':
			depth++
			s.at += 2
		case s.src[s.at] == '*' && s.peek(1) == '/':
			depth--
			s.at += 2
			if depth == 0 {
				return false
			}
		default:
			s.at++
		}
	}
	return true
}

// dollar reads $tag$…$tag$, the parameter $1, or a dollar that is neither.
func (s *scanner) dollar(l *lexeme) {
	if isDigit(s.peek(1)) {
		l.kind = symbol
		s.at++
		s.skip(isDigit)
		return
	}
	end := s.at + 1
	for end < len(s.src) && isWordPart(s.src[end]) && s.src[end] != '$' {
		end++
	}
	if end >= len(s.src) || s.src[end] != '$' {
		l.kind = symbol
		s.at++
		return
	}
	l.kind, l.tag = dollarLit, s.src[s.at:end+1]
	body := s.src[end+1:]
	if i := strings.Index(body, l.tag); i >= 0 {
		s.at = end + 1 + i + len(l.tag)
		return
	}
	l.open = true
	s.at = len(s.src)
}

func isBlank(c byte) bool {
	return c == ' ' || '\t' <= c && c <= '\r'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWordStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

func isWordPart(c byte) bool {
	return isWordStart(c) || isDigit(c) || c == '$'
}
