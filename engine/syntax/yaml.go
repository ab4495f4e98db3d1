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
		return nil, Problems{{
			Pos: Pos{source.File, 1, 1}, Code: "yaml/empty", Message: "the file is empty",
			Hint: "a runbook begins with: runbook: v1",
		}}
	} else if err != nil {
		return nil, Problems{syntaxProblem(source, err)}
	}
	b := builder{source: source}
	root := b.node(doc.Content[0])
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
	line, col := 1, 1
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return Problem{
				Pos: Pos{source.File, line, col}, Code: "yaml/encoding",
				Message: fmt.Sprintf("byte 0x%02x is not valid UTF-8", src[i]),
				Hint:    "save the file as UTF-8",
			}, true
		case r == 0:
			return Problem{
				Pos: Pos{source.File, line, col}, Code: "yaml/encoding",
				Message: "a NUL byte; this is not a text file",
			}, true
		case r == '\n':
			line, col = line+1, 1
		default:
			col++
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
	hint := ""
	if i := strings.IndexByte(text, '\t'); i >= 0 && strings.TrimSpace(text[:i]) == "" {
		hint = "YAML is indented with spaces, this line has a tab"
	}
	pos.Col = len(text) - len(strings.TrimLeft(text, " \t")) + 1
	return Problem{Pos: pos, Code: "yaml/syntax", Message: "not valid YAML near this line: " + message, Hint: hint}
}

// builder copies yaml's tree into ours.
type builder struct {
	source   *Source
	problems Problems
	open     []*yaml.Node // anchors being expanded, to see a cycle
	aliased  int          // nodes that aliases have added
	bombed   bool         // the problem of too many was reported
}

func (b *builder) pos(n *yaml.Node) Pos { return Pos{b.source.File, n.Line, n.Column} }

func (b *builder) problem(n *yaml.Node, code, message, hint string) {
	b.problems = append(b.problems, Problem{Pos: b.pos(n), Code: code, Message: message, Hint: hint})
}

func (b *builder) node(n *yaml.Node) *Node {
	out := &Node{Pos: b.pos(n), src: b.source}
	if len(b.open) > 0 {
		b.aliased++
	}
	switch n.Kind {
	case yaml.AliasNode:
		return b.alias(n)
	case yaml.SequenceNode:
		out.Kind = List
		for _, item := range n.Content {
			if b.aliased > maxAliased {
				break
			}
			out.Items = append(out.Items, b.node(item))
		}
	case yaml.MappingNode:
		out.Kind = Map
		b.fields(out, n)
	default:
		out.Text, out.Type, out.style = n.Value, scalarType(n), scalarStyle(n)
	}
	return out
}

func (b *builder) fields(out *Node, n *yaml.Node) {
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content) && b.aliased <= maxAliased; i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode:
			b.problem(key, "yaml/key", "a key must be a plain name", "")
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
}

func (b *builder) alias(n *yaml.Node) *Node {
	for _, a := range b.open {
		if a == n.Alias {
			b.problem(n, "yaml/alias", fmt.Sprintf("*%s stands inside the value it names", n.Value), "")
			return &Node{Pos: b.pos(n), Type: Null, src: b.source}
		}
	}
	if b.aliased > maxAliased {
		if !b.bombed {
			b.problem(n, "yaml/alias", fmt.Sprintf("aliases grow this file by more than %d nodes", maxAliased), "write the values out")
			b.bombed = true
		}
		return &Node{Pos: b.pos(n), Type: Null, src: b.source}
	}
	b.open = append(b.open, n.Alias)
	defer func() { b.open = b.open[:len(b.open)-1] }()
	return b.node(n.Alias)
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
