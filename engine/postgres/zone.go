package postgres

import "sort"

// Zone is what a place in SQL text belongs to.
type Zone int

// The zones of SQL text.
const (
	Code        Zone = iota
	String           // '…' with its prefix, and the pieces that continue it
	QuotedIdent      // "…"
	Dollar           // $tag$…$tag$
	Comment          // -- … and /* … */
)

// Span is a run of one zone.
type Span struct {
	Zone  Zone
	Start int    // byte offset
	End   int    // byte offset behind it
	Tag   string // of Dollar: $tag$
	Open  bool   // the text ends before the zone does
}

// Zones cuts SQL text into spans that follow each other without gaps.
func Zones(src string) []Span {
	var spans []Span
	s := scanner{src: src}
	for l, ok := s.next(); ok; l, ok = s.next() {
		zone := zoneOf(l.kind)
		if n := len(spans); zone == Code && n > 0 && spans[n-1].Zone == Code {
			spans[n-1].End = l.end
			continue
		}
		spans = append(spans, Span{Zone: zone, Start: l.start, End: l.end, Tag: l.tag, Open: l.open})
	}
	return spans
}

// ZoneAt finds the span that holds a byte offset; beyond the text it is Code.
func ZoneAt(spans []Span, offset int) Span {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].End > offset })
	if i == len(spans) || spans[i].Start > offset {
		return Span{Zone: Code, Start: offset, End: offset}
	}
	return spans[i]
}

func zoneOf(kind lexemeKind) Zone {
	switch kind {
	case stringLit:
		return String
	case identLit:
		return QuotedIdent
	case dollarLit:
		return Dollar
	case comment:
		return Comment
	}
	return Code
}
