package postgres

import (
	"slices"
	"strings"
)

// Class says what a statement may do, as far as its text tells.
type Class int

// The classes of statements.
const (
	Read             Class = iota // changes nothing, as far as the text tells
	Write                         // may change data: all that is none of the others
	DDL                           // changes the schema
	NonTransactional              // cannot run in a transaction block, and so not be undone
	Transaction                   // begins, ends or shapes a transaction
	Setting                       // changes only the session
)

func (c Class) String() string {
	return [...]string{"read", "write", "ddl", "non-transactional", "transaction", "setting"}[c]
}

// Classify tells the class of one statement. It errs towards caution: a SELECT is
// Read only if every function that it calls is known to be harmless. What stands
// behind a view or an operator is not seen; neither is a COMMIT inside of the
// procedure that a CALL names.
func Classify(stmt string) Class {
	var room [64]token // most statements have fewer, and need no heap then
	return classify(appendTokens(room[:0], stmt))
}

// token is a lexeme that is neither blank nor comment: a word in upper case, a
// symbol, or something quoted, which no keyword equals.
type token struct {
	kind lexemeKind
	text string
}

func tokens(stmt string) []token { return appendTokens(nil, stmt) }

func appendTokens(list []token, stmt string) []token {
	s := scanner{src: stmt}
	for l, ok := s.next(); ok; l, ok = s.next() {
		text := stmt[l.start:l.end]
		switch l.kind {
		case blank, comment:
			continue
		case word:
			text = strings.ToUpper(text)
		}
		list = append(list, token{l.kind, text})
	}
	return list
}

func classify(list []token) Class {
	for len(list) > 0 && list[0].text == "(" {
		list = list[1:]
	}
	if len(list) > 0 && list[len(list)-1].text == ";" {
		list = list[:len(list)-1]
	}
	words := leadingWords(list)
	switch words[0] {
	case "SELECT", "VALUES", "TABLE", "WITH":
		return classifyQuery(list)
	case "EXPLAIN":
		return classifyExplain(list[1:])
	case "SHOW":
		return Read
	case "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE":
		if words[1] == "PREPARED" {
			return NonTransactional
		}
		return Transaction
	case "PREPARE":
		if words[1] == "TRANSACTION" {
			return Transaction
		}
		return Setting
	case "SET":
		if words[1] == "TRANSACTION" || words[1] == "CONSTRAINTS" {
			return Transaction
		}
		return Setting
	case "RESET", "LISTEN", "UNLISTEN", "DISCARD", "DEALLOCATE", "LOAD", "CLOSE":
		return Setting
	case "CREATE", "ALTER", "DROP", "REINDEX", "VACUUM", "CLUSTER":
		if isNonTransactional(list, words) {
			return NonTransactional
		}
		return DDL
	case "TRUNCATE", "COMMENT", "GRANT", "REVOKE", "SECURITY", "REFRESH", "IMPORT", "REASSIGN":
		return DDL
	}
	return Write
}

// leadingWords are the first three words, "" where there are fewer.
func leadingWords(list []token) [3]string {
	var words [3]string
	for i := range min(len(words), len(list)) {
		if list[i].kind != word {
			break
		}
		words[i] = list[i].text
	}
	return words
}

func isNonTransactional(list []token, words [3]string) bool {
	concurrently := hasWord(list, "CONCURRENTLY")
	switch words[0] {
	case "VACUUM":
		return true
	case "CLUSTER": // all tables, each in its own transaction
		return len(list) == 1 || len(list) == 2 && words[1] == "VERBOSE"
	case "REINDEX":
		// With several objects each has its own transaction.
		return concurrently || slices.ContainsFunc([]string{"SCHEMA", "DATABASE", "SYSTEM"}, func(kind string) bool {
			return hasWord(list[:min(len(list), 8)], kind)
		})
	}
	switch words[1] {
	case "SYSTEM", "TABLESPACE":
		return words[0] != "ALTER" || words[1] == "SYSTEM"
	case "DATABASE":
		return words[0] != "ALTER" || hasWord(list, "TABLESPACE")
	case "SUBSCRIPTION": // those that make or drop a replication slot
		return words[0] != "ALTER" || hasWord(list, "PUBLICATION") || hasWord(list, "REFRESH")
	case "INDEX", "UNIQUE":
		return concurrently
	case "TABLE": // DETACH PARTITION … CONCURRENTLY
		return concurrently && hasWord(list, "DETACH")
	}
	return false
}

func hasWord(list []token, text string) bool {
	return slices.Contains(list, token{word, text})
}

// classifyExplain takes what follows EXPLAIN: options and a statement, which runs
// with ANALYZE only.
func classifyExplain(list []token) Class {
	analyze := false
	isAnalyze := func(t token) bool { return t.kind == word && (t.text == "ANALYZE" || t.text == "ANALYSE") }
	if len(list) > 0 && list[0].text == "(" && !startsQuery(list[1:]) {
		end := closing(list, 0)
		analyze = slices.ContainsFunc(list[:end], isAnalyze)
		list = list[min(end+1, len(list)):]
	}
	for len(list) > 0 && (isAnalyze(list[0]) || list[0] == token{word, "VERBOSE"}) {
		analyze = analyze || isAnalyze(list[0])
		list = list[1:]
	}
	if analyze {
		return classify(list)
	}
	return Read
}

func startsQuery(list []token) bool {
	switch leadingWords(list)[0] {
	case "SELECT", "WITH", "VALUES", "TABLE":
		return true
	}
	return len(list) > 0 && list[0].text == "("
}

// closing is the index of the parenthesis that closes the one at i, or the end.
func closing(list []token, i int) int {
	depth := 0
	for ; i < len(list); i++ {
		switch list[i].text {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return i
}

func classifyQuery(list []token) Class {
	class := Read
	for i, t := range list {
		if t.kind == word && (writes(t.text) || t.text == "FOR" && locks(list[i+1:])) {
			class = Write
		}
		if name, ok := called(list, i); ok {
			if nonTransactionalFunctions[name] {
				return NonTransactional
			}
			if !isHarmless(list, i, name) {
				class = Write
			}
		}
	}
	return class
}

func writes(keyword string) bool {
	switch keyword {
	case "INSERT", "UPDATE", "DELETE", "MERGE", "INTO":
		return true
	}
	return false
}

// locks says whether FOR is followed by a strength of row locks; FOR UPDATE is
// known by its UPDATE.
func locks(list []token) bool {
	switch leadingWords(list)[0] {
	case "SHARE", "KEY", "NO":
		return true
	}
	return false
}

// called is the name at i, if an opening parenthesis follows it. Folded like the
// server folds it; a quoted name is none of ours, unless in lower case.
func called(list []token, i int) (string, bool) {
	if i+1 >= len(list) || list[i+1].text != "(" {
		return "", false
	}
	switch t := list[i]; t.kind {
	case word:
		return strings.ToLower(t.text), true
	case identLit:
		return strings.Trim(t.text, `"`), true
	}
	return "", false
}

// isHarmless says whether the parenthesis behind the name at i makes no call, or
// calls a built-in function that changes nothing.
func isHarmless(list []token, i int, name string) bool {
	before := func(n int) string {
		if i-n < 0 {
			return ""
		}
		return list[i-n].text
	}
	if before(1) == "." { // of another schema it can be anything
		return before(2) == "PG_CATALOG" && isPure(name)
	}
	if list[i].kind == word && notCalled[name] {
		return true
	}
	switch before(1) {
	case "AS": // an alias with columns
		return true
	case ":": // the type of a cast; one colon alone is a slice of an array
		return before(2) == ":"
	case "GROUP", "ORDER", "PARTITION":
		return name == "by"
	case "NOT":
		if name == "materialized" {
			return true
		}
	case "GROUPING":
		return name == "sets"
	case "TABLESAMPLE":
		return name == "system" || name == "bernoulli"
	case ")":
		if name == "over" || name == "filter" {
			return true
		}
	}
	return isPure(name) || isCTE(list, i)
}

// isCTE recognizes name(columns) AS (SELECT …: the name of a common table
// expression. A call in FROM can be followed by AS ( too, but then by columns.
func isCTE(list []token, i int) bool {
	rest := list[min(closing(list, i+1)+1, len(list)):]
	if len(rest) == 0 || rest[0] != (token{word, "AS"}) {
		return false
	}
	for rest = rest[1:]; len(rest) > 0 && rest[0].kind == word; rest = rest[1:] { // NOT MATERIALIZED
	}
	return len(rest) > 1 && rest[0].text == "(" && rest[1].kind == word && rest[1].text == "SELECT"
}

// isRollback says whether a statement asks for the rollback that it got.
func isRollback(stmt string) bool {
	switch firstWord(stmt) {
	case "ROLLBACK", "ABORT":
		return true
	}
	return false
}

// isClientCopy finds COPY … FROM STDIN and TO STDOUT, which would wait for data
// that nobody sends, or drop what the server sends.
func isClientCopy(stmt string) bool {
	if firstWord(stmt) != "COPY" {
		return false
	}
	list := tokens(stmt)
	return hasWord(list, "STDIN") || hasWord(list, "STDOUT")
}

// firstWord is the first word of a statement, in upper case.
func firstWord(stmt string) string {
	s := scanner{src: stmt}
	for l, ok := s.next(); ok; l, ok = s.next() {
		switch l.kind {
		case blank, comment:
			continue
		case word:
			return strings.ToUpper(stmt[l.start:l.end])
		}
		break
	}
	return ""
}
