package main

import (
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"runbook/engine"
)

// comments are the doc comments of the module's structs, read when they are
// first asked for.
type comments struct {
	root     string // of the module
	packages map[string]map[string]typeComment
}

// typeComment is what stands at a struct.
type typeComment struct {
	paragraphs []string // one line each, without the Go name at the beginning
	examples   []string // YAML
	fields     map[string]string
}

// of is the comment of a struct. A struct or a field without one is an error:
// it would leave a hole in the reference.
func (c *comments) of(s *engine.Struct) (typeComment, error) {
	if _, ok := c.packages[s.Package]; !ok {
		types, err := readPackage(filepath.Join(c.root, strings.TrimPrefix(s.Package, "runbook/")))
		if err != nil {
			return typeComment{}, err
		}
		c.packages[s.Package] = types
	}
	t := c.packages[s.Package][s.Name]
	if len(t.paragraphs) == 0 {
		return t, fmt.Errorf("%s.%s has no doc comment", s.Package, s.Name)
	}
	for _, f := range s.Fields {
		if t.fields[f.GoName] == "" {
			return t, fmt.Errorf("%s.%s.%s has no doc comment", s.Package, s.Name, f.GoName)
		}
	}
	return t, nil
}

func readPackage(dir string) (map[string]typeComment, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	types := map[string]typeComment{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("read doc comments: %w", err)
		}
		for _, d := range file.Decls {
			if gen, ok := d.(*ast.GenDecl); ok && gen.Tok == token.TYPE {
				readTypes(gen, types)
			}
		}
	}
	return types, nil
}

func readTypes(decl *ast.GenDecl, types map[string]typeComment) {
	for _, spec := range decl.Specs {
		t := spec.(*ast.TypeSpec)
		body, ok := t.Type.(*ast.StructType)
		if !ok {
			continue
		}
		text := decl.Doc.Text()
		if t.Doc != nil {
			text = t.Doc.Text()
		}
		out := typeComment{fields: map[string]string{}}
		out.paragraphs, out.examples = readComment(text)
		if len(out.paragraphs) > 0 {
			out.paragraphs[0] = withoutName(out.paragraphs[0], t.Name.Name)
		}
		for _, f := range body.Fields.List {
			for _, name := range f.Names {
				out.fields[name.Name] = oneLine(f.Doc.Text())
			}
		}
		types[t.Name.Name] = out
	}
}

// readComment splits a comment at its indented blocks, which are examples.
func readComment(text string) (paragraphs, examples []string) {
	for _, block := range new(comment.Parser).Parse(text).Content {
		switch b := block.(type) {
		case *comment.Code:
			examples = append(examples, b.Text)
		case *comment.Paragraph:
			paragraphs = append(paragraphs, oneLine(plain(b.Text)))
		}
	}
	return paragraphs, examples
}

func plain(parts []comment.Text) string {
	var b strings.Builder
	for _, part := range parts {
		switch t := part.(type) {
		case comment.Plain:
			b.WriteString(string(t))
		case comment.Italic:
			b.WriteString(string(t))
		case *comment.Link:
			b.WriteString(plain(t.Text))
		case *comment.DocLink:
			b.WriteString(plain(t.Text))
		}
	}
	return b.String()
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// withoutName turns Go's way of beginning a comment into a page's: "Wait asks a
// person" becomes "Asks a person", "Probe is a query" becomes "A query".
func withoutName(text, name string) string {
	for _, prefix := range []string{name + " is ", name + " are ", name + " "} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			first, size := utf8.DecodeRuneInString(rest)
			return string(unicode.ToUpper(first)) + rest[size:]
		}
	}
	return text
}
