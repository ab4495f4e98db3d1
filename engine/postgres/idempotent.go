package postgres

// Idempotent says whether running the statement twice is for certain the same as
// running it once, also when the first time was broken off, as far as its text
// tells. It errs towards no.
func Idempotent(stmt string) bool {
	list := tokens(stmt)
	switch classify(list) {
	case Read, Setting: // nothing outside of the session
		return true
	}
	for _, known := range idempotent {
		if begins(list, known.words) {
			return known.unless == nil || !known.unless(list)
		}
	}
	return len(list) > 0 && list[0] == token{word, "SELECT"} && callsIdempotent(list)
}

// idempotent are the beginnings of such statements, with the reason, and what
// makes an exception.
var idempotent = []struct {
	words  []string
	unless func([]token) bool
}{
	{[]string{"ALTER", "SYSTEM"}, nil}, // a file gets the same line again
	{[]string{"CHECKPOINT"}, nil},      // no content changes
	{[]string{"VACUUM"}, nil},
	{[]string{"ANALYZE"}, nil},
	{[]string{"CLUSTER"}, nil},          // the same rows in the same order
	{[]string{"REFRESH"}, nil},          // the rows are computed anew
	{[]string{"REINDEX"}, concurrently}, // built anew; broken off, the concurrent one leaves an INVALID index beside the old
	{[]string{"DROP"}, withoutIfExists}, // gone is gone
}

// idempotentFunctions change something, and the same once more the second time.
// Not here is what takes the next of something (nextval, pg_switch_wal), hits
// whoever is there by then (pg_terminate_backend), or forgets what has come since
// (pg_stat_reset).
var idempotentFunctions = set(`
	pg_reload_conf set_config
`)

func concurrently(list []token) bool    { return hasWord(list, "CONCURRENTLY") }
func withoutIfExists(list []token) bool { return !consecutive(list, "IF", "EXISTS") }

// callsIdempotent says whether a query changes nothing but by calls of such
// functions.
func callsIdempotent(list []token) bool {
	for i, t := range list {
		if t.kind == word && (writes(t.text) || t.text == "FOR" && locks(list[i+1:])) {
			return false
		}
		name, ok := called(list, i)
		if !ok || isHarmless(list, i, name) {
			continue
		}
		foreign := i > 1 && list[i-1].text == "." && list[i-2].text != "PG_CATALOG"
		if foreign || !idempotentFunctions[name] {
			return false
		}
	}
	return true
}

// Twice says what running the statement a second time plainly does that the first
// time did not, "" where the text does not tell: "adds the rows once more".
func Twice(stmt string) string {
	list := tokens(stmt)
	has := func(words ...string) bool { return consecutive(list, words...) }
	switch leadingWords(list)[0] {
	case "INSERT":
		if !has("ON", "CONFLICT") && !(has("SELECT") && (has("WHERE") || has("EXCEPT") || has("JOIN"))) {
			return "adds the rows once more"
		}
	case "COPY":
		if leadingWords(list)[1] != "" && has("FROM") && list[1].text != "(" {
			return "adds the rows once more"
		}
	case "UPDATE":
		if !has("WHERE") && !has("FROM") && countsOn(list) {
			return "changes the rows once more"
		}
	case "SELECT":
		for i := range list {
			if name, ok := called(list, i); ok && name == "nextval" {
				return "takes another number"
			}
		}
	case "CREATE":
		return createdTwice(list)
	case "DROP":
		if !has("IF", "EXISTS") && !has("OWNED") {
			return "fails, for what it drops is gone"
		}
	case "ALTER":
		if leadingWords(list)[1] == "TABLE" {
			return alteredTwice(stmt)
		}
	}
	return ""
}

func createdTwice(list []token) string {
	has := func(words ...string) bool { return consecutive(list, words...) }
	switch {
	case has("INDEX", "CONCURRENTLY", "IF", "NOT", "EXISTS"):
		return "passes over the INVALID index that the first time left when it was broken off"
	case has("IF", "NOT", "EXISTS"), has("OR", "REPLACE"), has("TEMP"), has("TEMPORARY"):
		return ""
	case has("INDEX", "ON"), has("CONCURRENTLY", "ON"):
		return "makes another index"
	}
	return "fails, for what it creates is there"
}

func alteredTwice(stmt string) string {
	p := &lockParser{list: tokens(stmt), at: 2}
	p.skip("IF", "EXISTS", "ONLY")
	p.name()
	for _, c := range p.commands() {
		switch first := c.word(); {
		case first == "ADD" && !c.follows("IF", "NOT", "EXISTS"):
			return "fails, for what it adds is there"
		case first == "DROP" && !c.follows("IF", "EXISTS") && (c.peek() == "CONSTRAINT" || c.peek() == "COLUMN"):
			return "fails, for what it drops is gone"
		case first == "RENAME":
			return "fails, for it has the other name"
		}
	}
	return ""
}

// countsOn finds SET x = x + …: a column that goes on from its own value.
func countsOn(list []token) bool {
	for i := 0; i+3 < len(list); i++ {
		name := list[i]
		if name.kind != word && name.kind != identLit || list[i+1].text != "=" || list[i+2] != name {
			continue
		}
		switch list[i+3].text {
		case "+", "-", "*", "/", "|", "||":
			return true
		}
	}
	return false
}

func begins(list []token, words []string) bool {
	for i, w := range words {
		if i >= len(list) || list[i] != (token{word, w}) {
			return false
		}
	}
	return true
}

// consecutive looks for words that follow each other.
func consecutive(list []token, words ...string) bool {
	return (&lockParser{list: list}).follows(words...)
}
