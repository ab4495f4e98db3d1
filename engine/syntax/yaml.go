package syntax

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxAliased bounds how many nodes aliases may add to a file. Runbooks repeat a
// few settings this way; a file that needs more is an alias bomb.
const maxAliased = 100_000

// readYAML makes the tree of the one document in src. The tree is nil when
// there is none to speak of.
func readYAML(source *Source, src []byte) (*Node, Problems) {
	if p, bad := invalidText(source, src); bad {
		return nil, Problems{p}
	}
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		message := "the file is empty"
		if len(bytes.TrimSpace(src)) > 0 {
			message = "the file holds nothing but comments"
		}
		return nil, Problems{{
			Pos: Pos{source.File, 1, 1}, Code: "yaml/empty", Message: message,
			Hint: "a runbook begins with: runbook: v1",
		}}
	} else if err != nil {
		return nil, Problems{syntaxProblem(source, err)}
	}
	b := builder{source: source}
	root := b.node(doc.Content[0])
	if b.bombed {
		return nil, b.problems // the tree is cut somewhere, what else it says means nothing
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		b.problem(&second, "yaml/documents", "a second YAML document begins here; a runbook is one document", "remove the line ---")
	} else if !errors.Is(err, io.EOF) {
		b.problems = append(b.problems, syntaxProblem(source, err))
	}
	return root, b.problems
}

// invalidText finds the first byte that is no UTF-8 or is a NUL; YAML's own
// message for either names no column.
func invalidText(source *Source, src []byte) (Problem, bool) {
	if utf8.Valid(src) && bytes.IndexByte(src, 0) < 0 {
		return Problem{}, false
	}
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		if r == 0 || r == utf8.RuneError && size == 1 {
			before := breakLines(string(src[:i]))
			start := strings.LastIndexByte(before, '\n') + 1
			p := Problem{
				Pos:     Pos{source.File, strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1},
				Code:    "yaml/encoding",
				Message: "a NUL byte; this is not a text file",
			}
			if r != 0 {
				p.Message, p.Hint = fmt.Sprintf("byte 0x%02x is not valid UTF-8", src[i]), "save the file as UTF-8"
			}
			return p, true
		}
		i += size
	}
	return Problem{}, false
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// syntaxProblem turns yaml's error into a problem. yaml names no column, leaves
// the line out when it is the first, and may mean the line before.
func syntaxProblem(source *Source, err error) Problem {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	pos := Pos{source.File, 1, 1}
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		pos.Line, _ = strconv.Atoi(m[1])
		message = strings.Replace(message, m[0], "", 1)
	}
	text := source.Line(pos.Line)
	pos.Col = len(text) - len(strings.TrimLeft(text, " \t")) + 1
	hint := ""
	for _, m := range mistakes {
		if strings.Contains(message, m.message) {
			hint = m.hint
			pos = source.near(pos, m.at)
			break
		}
	}
	if m := unknownAnchor.FindStringSubmatch(message); m != nil {
		pos = source.near(Pos{source.File, 1, 1}, regexp.MustCompile(regexp.QuoteMeta("*"+m[1])))
		pos.Col = max(pos.Col-utf8.RuneCountInString(m[1]), 1)
	}
	return Problem{Pos: pos, Code: "yaml/syntax", Message: "not valid YAML near this line: " + message, Hint: hint}
}

var unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced`)

// mistakes are what is mostly behind yaml's messages, and how to find the place.
var mistakes = []struct {
	message string
	at      *regexp.Regexp // the place is where it ends
	hint    string
}{
	{"tab character", regexp.MustCompile(`^ *\t`), "YAML is indented with spaces, this line has a tab"},
	{"cannot start any token", regexp.MustCompile(`^ *\t`), "YAML is indented with spaces"},
	{"mapping values are not allowed", regexp.MustCompile(`: .*?: `), "put a text that holds a colon and a space in quotes"},
	{"',' or ']'", regexp.MustCompile(`\[`), "this [ is not closed, or what it holds needs quotes"},
	{"',' or '}'", regexp.MustCompile(`\{`), "this { is not closed, or what it holds needs quotes"},
	{"unexpected end of stream", regexp.MustCompile(`['"]`), "this quote is not closed"},
	{"did not find expected", regexp.MustCompile(`^$`), "keys and entries that belong together begin in the same column"},
}

// near is the first place from a line on that a pattern matches, within a few
// lines, or pos itself.
func (s *Source) near(pos Pos, pattern *regexp.Regexp) Pos {
	for line := pos.Line; line < pos.Line+20 && line <= len(s.lines); line++ {
		if m := pattern.FindStringIndex(s.Line(line)); m != nil && m[1] > 0 {
			return Pos{s.File, line, utf8.RuneCountInString(strings.TrimRight(s.Line(line)[:m[1]], " "))}
		}
	}
	return pos
}

// builder copies yaml's tree into ours.
type builder struct {
	source   *Source
	block    []Node // not yet used
	problems Problems
	open     []*yaml.Node // anchors being expanded, to see a cycle
	aliased  int          // nodes that aliases have added
	bombed   bool         // by too many
}

func (b *builder) pos(n *yaml.Node) Pos { return Pos{b.source.File, n.Line, n.Column} }

func (b *builder) problem(n *yaml.Node, code, message, hint string) {
	b.problems = append(b.problems, Problem{Pos: b.pos(n), Code: code, Message: message, Hint: hint})
}

func (b *builder) node(n *yaml.Node) *Node {
	if len(b.open) > 0 {
		b.aliased++
	}
	switch n.Kind {
	case yaml.AliasNode:
		return b.alias(n)
	case yaml.SequenceNode:
		return b.list(n)
	case yaml.MappingNode:
		return b.mapping(n)
	default:
		out := b.fresh(n)
		out.Text, out.Type, out.style = n.Value, scalarType(n), scalarStyle(n)
		return out
	}
}

// fresh is a node at the place of yaml's. A long runbook has 100 000: they are
// taken from blocks.
func (b *builder) fresh(n *yaml.Node) *Node {
	if len(b.block) == 0 {
		b.block = make([]Node, 128)
	}
	out := &b.block[0]
	b.block = b.block[1:]
	out.Pos, out.src = b.pos(n), b.source
	return out
}

func (b *builder) list(n *yaml.Node) *Node {
	out := b.fresh(n)
	out.Kind, out.Items = List, make([]*Node, 0, len(n.Content))
	for _, item := range n.Content {
		if b.aliased > maxAliased {
			break
		}
		out.Items = append(out.Items, b.node(item))
	}
	return out
}

func (b *builder) mapping(n *yaml.Node) *Node {
	out := b.fresh(n)
	out.Kind, out.Fields = Map, make([]Field, 0, len(n.Content)/2)
	seen := map[string]int{} // given no size it needs no heap, unless it grows large
	for i := 0; i+1 < len(n.Content) && b.aliased <= maxAliased; i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode:
			b.problem(key, "yaml/key", "a key must be a plain name", "put it in quotes if it is text")
			continue
		case key.Tag == "!!merge":
			b.problem(key, "yaml/merge", "merge keys (<<) are not part of the runbook language", "write the keys out, or alias the whole value")
			continue
		}
		if line, twice := seen[key.Value]; twice {
			b.problem(key, "yaml/duplicate-key", fmt.Sprintf("%q is here for the second time; the first is in line %d", key.Value, line), "")
			continue
		}
		seen[key.Value] = key.Line
		out.Fields = append(out.Fields, Field{b.node(key), b.node(n.Content[i+1])})
	}
	return out
}

func (b *builder) alias(n *yaml.Node) *Node {
	for _, a := range b.open {
		if a == n.Alias {
			b.problem(n, "yaml/alias", fmt.Sprintf("*%s stands inside the value it names", n.Value), "")
			return &Node{Pos: b.pos(n), Type: Null, src: b.source}
		}
	}
	if b.aliased > maxAliased {
		return &Node{Pos: b.pos(n), Type: Null, src: b.source}
	}
	b.open = append(b.open, n.Alias)
	out := b.node(n.Alias)
	b.open = b.open[:len(b.open)-1]
	if len(b.open) == 0 && b.aliased > maxAliased {
		b.problem(n, "yaml/alias", fmt.Sprintf("aliases grow this file by more than %d nodes", maxAliased), "write the values out")
		b.bombed = true
	}
	return out
}

func scalarType(n *yaml.Node) Type {
	switch n.ShortTag() {
	case "!!int":
		return Int
	case "!!float":
		return Float
	case "!!bool":
		return Bool
	case "!!null":
		return Null
	default: // !!timestamp, !!binary and own tags are text: what they mean is for PostgreSQL to say
		return String
	}
}

func scalarStyle(n *yaml.Node) style {
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		return literal
	case n.Style&yaml.FoldedStyle != 0:
		return folded
	case n.Style&yaml.SingleQuotedStyle != 0:
		return singleQuoted
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return doubleQuoted
	default:
		return plain
	}
}
