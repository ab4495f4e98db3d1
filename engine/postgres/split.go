package postgres

import "strings"

// Statement is one statement of a longer text.
type Statement struct {
	Text   string // without the semicolon, and without blanks and comments around it
	Offset int    // byte offset of Text in the source
}

// Split cuts SQL text into statements after psql's rules: a semicolon ends one,
// unless it stands in a string, a name, a comment, parentheses, or the body of a
// function in the SQL standard's form, BEGIN ATOMIC … END.
//
// Nothing but semicolons, blanks and comments is left out, and no statement is
// empty. Of the comments before a statement only hints (/*+ … */) belong to it. A
// string or comment that never ends is kept, so that the server will complain.
// Neither psql's backslash commands nor the data of COPY FROM stdin are known.
func Split(src string) []Statement {
	var (
		statements []Statement
		piece      = newPiece()
		s          = scanner{src: src}
	)
	for l, ok := s.next(); ok; l, ok = s.next() {
		if piece.endsAt(src, l) {
			statements = piece.appendTo(statements, src)
			piece = newPiece()
			continue
		}
		piece.add(src, l)
	}
	return piece.appendTo(statements, src)
}

// IsBlank says that Split finds no statement in a text.
func IsBlank(src string) bool {
	s := scanner{src: src}
	for l, ok := s.next(); ok; l, ok = s.next() {
		switch {
		case l.kind == blank, l.kind == comment && !l.open, l.kind == symbol && src[l.start] == ';':
		default:
			return false
		}
	}
	return true
}

// piece is the statement that Split is in.
type piece struct {
	start, end int // of the text, start -1 before any
	hasCode    bool
	parens     int
	blocks     int    // depth of BEGIN ATOMIC and CASE
	words      int    // words at its beginning that were looked at
	routine    bool   // it creates a function or a procedure
	last       string // the word before, in lower case
}

func newPiece() piece { return piece{start: -1} }

func (p *piece) endsAt(src string, l lexeme) bool {
	return l.kind == symbol && src[l.start] == ';' && p.parens == 0 && p.blocks == 0
}

func (p *piece) add(src string, l lexeme) {
	text := src[l.start:l.end]
	switch l.kind {
	case blank:
		return
	case comment:
		switch {
		case l.open:
			p.hasCode = true
		case p.start >= 0 || !strings.HasPrefix(text, "/*+"):
			return
		}
	default:
		p.hasCode = true
	}
	if p.start < 0 {
		p.start = l.start
	}
	p.end = l.end
	switch l.kind {
	case symbol:
		p.symbol(text)
	case word:
		p.word(text)
	default:
		if l.kind != comment {
			p.last = ""
		}
	}
}

func (p *piece) symbol(text string) {
	p.last = ""
	switch text {
	case "(":
		p.parens++
	case ")":
		p.parens = max(0, p.parens-1)
	}
}

// word follows the nesting of a body in the SQL standard's form. Not every BEGIN
// opens one, for a function can be named begin; CASE closes with END too.
func (p *piece) word(text string) {
	p.words++
	if p.words > 4 && !p.routine { // CREATE OR REPLACE FUNCTION
		return
	}
	text = strings.ToLower(text)
	switch last := p.last; {
	case p.words == 1 && text != "create":
		p.words = 5
	case p.words <= 4 && (text == "function" || text == "procedure"):
		p.routine = true
	case p.parens > 0:
	case last == "begin" && text == "atomic" && p.routine:
		p.blocks++
	case p.blocks > 0 && text == "case":
		p.blocks++
	case p.blocks > 0 && text == "end":
		p.blocks--
	}
	p.last = text
}

func (p *piece) appendTo(statements []Statement, src string) []Statement {
	if !p.hasCode {
		return statements
	}
	return append(statements, Statement{Text: src[p.start:p.end], Offset: p.start})
}
