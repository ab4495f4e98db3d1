package engine

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"runbook/engine/postgres"
)

// change is what an earlier statement of a runbook does to the schema, as far as
// its text tells: a later statement can then not be judged by the schema of now.
type change struct {
	line    int             // of its step
	words   map[string]bool // all it mentions
	objects []string        // tables and the like whose columns it makes or changes
	unknown bool            // names can come to mean something that it does not mention
}

// changeOf says how a statement changes what later ones can name.
func changeOf(s *step, st Statement) (change, bool) {
	words := wordsOf(st.Text)
	if len(words) == 0 {
		return change{}, false
	}
	c := change{line: s.node.Pos().Line, words: map[string]bool{}}
	for _, w := range words {
		c.words[w] = true
	}
	switch first := words[0]; {
	case st.sql.vague && (st.sql.raw || st.Class != postgres.Read), first == "set" && (c.words["search_path"] || c.words["role"] || c.words["authorization"]), first == "load", first == "import":
		c.unknown = true
	case st.Class == postgres.DDL, st.Class == postgres.NonTransactional:
		c.unknown = first == "create" && c.words["extension"]
		if first != "alter" || reshapes(words) {
			c.objects = objectsOf(st.Text)
		}
	case first == "do", first == "call", (first == "select" || first == "with") && c.words["into"]:
	case first == "set" && strings.Contains(st.Text, "."): // a setting of one's own
	default:
		return change{}, false
	}
	return c, true
}

// reshapes says whether an ALTER can change columns; constraints and options do
// not.
func reshapes(words []string) bool {
	for i, w := range words {
		switch w {
		case "rename", "column", "type", "schema":
			return true
		case "add", "drop":
			if i+1 < len(words) && !slices.Contains([]string{"constraint", "foreign", "primary", "unique", "check", "table"}, words[i+1]) {
				return true
			}
		}
	}
	return false
}

var objectName = regexp.MustCompile(`(?i)\b(?:table|view|type|function|procedure|aggregate|sequence|schema|domain)\s+(?:if\s+(?:not\s+)?exists\s+)?(?:only\s+)?([\w$."]+)`)

func objectsOf(stmt string) []string {
	var out []string
	for _, m := range objectName.FindAllStringSubmatch(stmt, -1) {
		name := m[1][strings.LastIndex(m[1], ".")+1:]
		out = append(out, strings.ToLower(strings.Trim(name, `"`)))
	}
	return out
}

// unsure are the conditions that say nothing of the statement itself.
var unsure = []string{"42501", "57014", "55P03", "40P01"}

// excuse says why an error of the server may be none when the statement runs, ""
// when it will be one.
func (n *inspector) excuse(st Statement, pg *postgres.Error, offset int) string {
	const syntaxError, undefinedTable, undefinedColumn, invalidSchema = "42601", "42P01", "42703", "3F000"
	if slices.Contains(unsure, pg.SQLSTATE) {
		return pg.Message
	}
	if waits := st.waits(); waits != nil && !slices.Contains([]string{undefinedTable, undefinedColumn, invalidSchema}, pg.SQLSTATE) {
		return "depends on " + strings.Join(waits, ", ")
	}
	if pg.SQLSTATE == syntaxError {
		return ""
	}
	names := namesIn(pg.Message, st.Text, offset)
	mentioned := wordsOf(st.Text)
	for _, c := range n.earlier {
		if c.unknown {
			return fmt.Sprintf("the step of line %d changes what names mean", c.line)
		}
		for _, name := range names {
			if c.words[name] {
				return fmt.Sprintf("the step of line %d creates or changes %s", c.line, name)
			}
		}
		for _, object := range c.objects {
			if slices.Contains(mentioned, object) {
				return fmt.Sprintf("the step of line %d creates or changes %s", c.line, object)
			}
		}
	}
	return ""
}

var quotedName = regexp.MustCompile(`"([^"]+)"`)

// namesIn are the names that an error speaks of: those in quotes, and the one at
// its place.
func namesIn(message, stmt string, offset int) []string {
	var out []string
	for _, name := range quotedNames(message) {
		out = append(out, wordsOf(name)...)
	}
	rest := stmt[min(offset, len(stmt)):]
	if end := strings.IndexAny(rest, " \t\r\n(),;"); end >= 0 {
		rest = rest[:end]
	}
	return append(out, wordsOf(rest)...)
}
