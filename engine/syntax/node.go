package syntax

import (
	"slices"
	"strings"
)

// Kind tells the three shapes of a Node apart.
type Kind uint8

const (
	Scalar Kind = iota
	List
	Map
)

func (k Kind) String() string {
	return [...]string{"a value", "a list", "a mapping"}[k]
}

// Type is what YAML takes a plain scalar for; a quoted or block scalar is a
// String. Other nodes have None.
type Type uint8

const (
	None Type = iota
	String
	Int
	Float
	Bool
	Null
)

func (t Type) String() string {
	return [...]string{"", "text", "a whole number", "a number", "true or false", "nothing"}[t]
}

// Node is one YAML value with its place. Aliases are already replaced by what
// they stand for.
type Node struct {
	Pos    Pos
	Text   string  // of a Scalar: as YAML reads it, escapes resolved
	Items  []*Node // of a List
	Fields []Field // of a Map, in the order of the file, keys unique
	Kind   Kind
	Type   Type // of a Scalar

	style style
	src   *Source
}

// Field is one entry of a Map.
type Field struct {
	Key   *Node
	Value *Node
}

// Get is the value of key in a Map, or nil.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for _, f := range n.Fields {
		if f.Key.Text == key {
			return f.Value
		}
	}
	return nil
}

// lacks says that a Map has neither key nor anything that was meant to be it:
// one slip is one problem.
func (n *Node) lacks(key string) bool { return n.Get(key) == nil && !n.misspells(key) }

// misspells says that a key of a Map is a near miss of key.
func (n *Node) misspells(key string) bool {
	return n.Kind == Map && slices.ContainsFunc(n.Fields, func(f Field) bool { return Nearest(f.Key.Text, []string{key}) == key })
}

// Misspells is misspells for the keys of actions.
func (n *Node) Misspells(key string) bool { return n.misspells(key) }

// IsNull says that the node is an empty or null scalar.
func (n *Node) IsNull() bool { return n.Kind == Scalar && n.Type == Null }

// What names the node's shape for a message: "a list", "text", "true or false".
func (n *Node) What() string {
	if n.Kind == Scalar {
		return n.Type.String()
	}
	return n.Kind.String()
}

// Source is the text of the file that the node stands in.
func (n *Node) Source() *Source { return n.src }

// Problem makes a problem at the node, spanning it when it is a scalar on one
// line.
func (n *Node) Problem(code, message, hint string) Problem {
	return Problem{Pos: n.Pos, Width: n.width(), Code: code, Message: message, Hint: hint}
}

// ProblemAt makes a problem at a part of the scalar's text; offset and width
// are bytes of Text.
func (n *Node) ProblemAt(offset, width int, code, message, hint string) Problem {
	pos, exact := n.PosAt(offset)
	if !exact {
		width = 1
	} else if offset+width <= len(n.Text) && offset >= 0 {
		width = len([]rune(n.Text[offset : offset+width]))
	}
	return Problem{Pos: pos, Width: width, Code: code, Message: message, Hint: hint}
}

// TextNode is a whole file as one scalar, for text that a runbook reads from
// beside it.
func TextNode(file string, src []byte) *Node {
	return &Node{
		Pos: Pos{file, 1, 1}, Type: String, Text: string(src),
		style: wholeFile, src: &Source{file, strings.Split(strings.ReplaceAll(string(src), "\r\n", "\n"), "\n")},
	}
}
