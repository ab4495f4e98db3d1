package postgres

import (
	"slices"
	"strings"
)

// LockMode is a mode of a lock on a table, as pg_locks calls it.
type LockMode string

// The modes that statements take, the weakest first.
const (
	RowShare             LockMode = "RowShareLock"
	RowExclusive         LockMode = "RowExclusiveLock"
	ShareUpdateExclusive LockMode = "ShareUpdateExclusiveLock"
	Share                LockMode = "ShareLock"
	ShareRowExclusive    LockMode = "ShareRowExclusiveLock"
	Exclusive            LockMode = "ExclusiveLock"
	AccessExclusive      LockMode = "AccessExclusiveLock"
)

// StallsReaders says that plain SELECTs wait for the lock, and for whoever waits
// for it.
func (m LockMode) StallsReaders() bool { return m == AccessExclusive }

// StallsWriters says that INSERT, UPDATE and DELETE wait for it.
func (m LockMode) StallsWriters() bool {
	return slices.Contains([]LockMode{Share, ShareRowExclusive, Exclusive, AccessExclusive}, m)
}

// Lock is a lock on a table that a statement takes. Table is as the statement
// writes it, names without quotes in lower case.
type Lock struct {
	Table string
	Mode  LockMode
}

// Locks predicts which tables a statement locks and how, as far as its text
// tells: after the PostgreSQL documentation, "Explicit Locking", and the page of
// each command. AccessShareLock, which every SELECT takes, is left out, and so is
// what a function, a trigger or a cascade locks.
func Locks(stmt string) []Lock {
	p := &lockParser{list: tokens(stmt)}
	switch first := p.word(); first {
	case "ALTER":
		return p.alter()
	case "CREATE":
		return p.create()
	case "DROP":
		return p.drop()
	case "TRUNCATE":
		p.skip("TABLE", "ONLY")
		return p.names(AccessExclusive)
	case "INSERT", "MERGE":
		p.skip("INTO")
		return p.one(RowExclusive)
	case "UPDATE", "DELETE":
		p.skip("FROM", "ONLY")
		return p.one(RowExclusive)
	case "LOCK":
		return p.lock()
	case "VACUUM", "ANALYZE", "CLUSTER":
		return p.maintain(first)
	case "REINDEX":
		return p.reindex()
	case "REFRESH":
		return p.refresh()
	case "COMMENT":
		if p.skip("ON"); p.word() == "TABLE" {
			return p.one(ShareUpdateExclusive)
		}
	case "SELECT", "WITH":
		return p.query()
	}
	return nil
}

// lockParser reads the tokens of one statement from left to right.
type lockParser struct {
	list []token
	at   int
}

// word takes the next token if it is a word, and is "" else.
func (p *lockParser) word() string {
	w := p.peek()
	if w != "" {
		p.at++
	}
	return w
}

func (p *lockParser) peek() string {
	if p.at < len(p.list) && p.list[p.at].kind == word {
		return p.list[p.at].text
	}
	return ""
}

// skip passes over any of the words, in whatever order they come.
func (p *lockParser) skip(words ...string) {
	for p.peek() != "" && slices.Contains(words, p.peek()) {
		p.at++
	}
}

// has looks for a word in what is left.
func (p *lockParser) has(text string) bool { return hasWord(p.list[min(p.at, len(p.list)):], text) }

// follows looks for consecutive words in what is left.
func (p *lockParser) follows(words ...string) bool {
	for i := p.at; i+len(words) <= len(p.list); i++ {
		match := true
		for j, w := range words {
			match = match && p.list[i+j] == token{word, w}
		}
		if match {
			return true
		}
	}
	return false
}

// goTo moves behind the next of a word and says whether there is one.
func (p *lockParser) goTo(text string) bool {
	for i := p.at; i < len(p.list); i++ {
		if p.list[i] == (token{word, text}) {
			p.at = i + 1
			return true
		}
	}
	return false
}

// name takes a possibly qualified name.
func (p *lockParser) name() string {
	var parts []string
	for p.at < len(p.list) {
		t := p.list[p.at]
		switch t.kind {
		case word:
			parts = append(parts, strings.ToLower(t.text))
		case identLit:
			parts = append(parts, t.text)
		default:
			return strings.Join(parts, ".")
		}
		p.at++
		if p.at >= len(p.list) || p.list[p.at].text != "." {
			break
		}
		p.at++
	}
	return strings.Join(parts, ".")
}

// one is a lock on the table that comes next.
func (p *lockParser) one(mode LockMode) []Lock {
	if name := p.name(); name != "" {
		return []Lock{{name, mode}}
	}
	return nil
}

// names are locks on the tables of a list.
func (p *lockParser) names(mode LockMode) []Lock {
	locks := p.one(mode)
	for p.at < len(p.list) && p.list[p.at].text == "," {
		p.at++
		p.skip("ONLY")
		locks = append(locks, p.one(mode)...)
	}
	return locks
}

func (p *lockParser) alter() []Lock {
	switch p.word() {
	case "TABLE":
	case "INDEX":
		p.skip("IF", "EXISTS")
		if p.has("RENAME") {
			return p.one(ShareUpdateExclusive)
		}
		return p.one(AccessExclusive)
	case "TRIGGER", "POLICY":
		if p.goTo("ON") {
			return p.one(AccessExclusive)
		}
		return nil
	default:
		return nil
	}
	p.skip("IF", "EXISTS", "ONLY")
	locks := p.one(AccessExclusive)
	if len(locks) == 0 {
		return nil
	}
	return p.alterTable(locks[0].Table)
}

// alterTable finds the mode that the weakest sub-command of those there needs
// all the same: the strongest counts.
func (p *lockParser) alterTable(table string) []Lock {
	var others []Lock
	mode := LockMode("")
	for _, command := range p.commands() {
		m, other := command.tableMode()
		mode = Stronger(mode, m)
		others = append(others, other...)
	}
	if mode == "" {
		mode = AccessExclusive
	}
	return append([]Lock{{table, mode}}, others...)
}

var lockOrder = []LockMode{"", RowShare, RowExclusive, ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive}

// Stronger is the mode of the two that stalls more.
func Stronger(a, b LockMode) LockMode {
	if slices.Index(lockOrder, b) > slices.Index(lockOrder, a) {
		return b
	}
	return a
}

// commands are the sub-commands of ALTER TABLE, which commas outside of
// parentheses part.
func (p *lockParser) commands() []*lockParser {
	var out []*lockParser
	depth, start := 0, p.at
	for i := p.at; i < len(p.list); i++ {
		switch p.list[i].text {
		case "(":
			depth++
		case ")":
			depth--
		case ",":
			if depth == 0 {
				out = append(out, &lockParser{list: p.list[start:i]})
				start = i + 1
			}
		}
	}
	return append(out, &lockParser{list: p.list[min(start, len(p.list)):]})
}

// tableMode is what one sub-command needs, and what it locks beside its table.
func (p *lockParser) tableMode() (LockMode, []Lock) {
	switch first := p.word(); first {
	case "ADD":
		if p.follows("FOREIGN", "KEY") && p.goTo("REFERENCES") {
			return ShareRowExclusive, p.one(ShareRowExclusive)
		}
		if p.peek() != "CONSTRAINT" && p.goTo("REFERENCES") { // a column that refers to a table
			return AccessExclusive, p.one(ShareRowExclusive)
		}
	case "VALIDATE":
		return ShareUpdateExclusive, nil
	case "ENABLE", "DISABLE":
		if p.peek() == "TRIGGER" || p.has("TRIGGER") {
			return ShareRowExclusive, nil
		}
	case "ATTACH":
		p.skip("PARTITION")
		return ShareUpdateExclusive, p.one(AccessExclusive)
	case "DETACH":
		p.skip("PARTITION")
		if partition := p.name(); p.has("CONCURRENTLY") {
			return ShareUpdateExclusive, []Lock{{partition, ShareUpdateExclusive}}
		} else if partition != "" {
			return AccessExclusive, []Lock{{partition, AccessExclusive}}
		}
	case "CLUSTER":
		return ShareUpdateExclusive, nil
	case "SET":
		if p.follows("WITHOUT", "CLUSTER") || p.at < len(p.list) && p.list[p.at].text == "(" {
			return ShareUpdateExclusive, nil
		}
	case "RESET":
		return ShareUpdateExclusive, nil
	case "ALTER":
		if p.follows("SET", "STATISTICS") {
			return ShareUpdateExclusive, nil
		}
	}
	return AccessExclusive, nil
}

func (p *lockParser) create() []Lock {
	p.skip("OR", "REPLACE", "UNIQUE", "CONSTRAINT", "TEMP", "TEMPORARY", "UNLOGGED", "GLOBAL", "LOCAL")
	switch p.word() {
	case "INDEX":
		mode := Share
		if p.has("CONCURRENTLY") {
			mode = ShareUpdateExclusive
		}
		if p.goTo("ON") {
			p.skip("ONLY")
			return p.one(mode)
		}
	case "TRIGGER":
		if p.goTo("ON") {
			return p.one(ShareRowExclusive)
		}
	case "POLICY", "RULE":
		if p.goTo("ON") || p.goTo("TO") {
			return p.one(AccessExclusive)
		}
	case "STATISTICS":
		if p.goTo("FROM") {
			return p.one(ShareUpdateExclusive)
		}
	case "TABLE":
		var locks []Lock
		if p.follows("PARTITION", "OF") && p.goTo("OF") {
			return p.one(AccessExclusive)
		}
		for p.goTo("REFERENCES") {
			locks = append(locks, p.one(ShareRowExclusive)...)
		}
		return locks
	}
	return nil
}

func (p *lockParser) drop() []Lock {
	kind := p.word()
	concurrently := p.peek() == "CONCURRENTLY"
	p.skip("CONCURRENTLY", "IF", "EXISTS")
	switch kind {
	case "TABLE", "INDEX":
		if concurrently {
			return p.names(ShareUpdateExclusive)
		}
		return p.names(AccessExclusive)
	case "TRIGGER", "POLICY", "RULE":
		if p.goTo("ON") {
			return p.one(AccessExclusive)
		}
	case "MATERIALIZED":
		p.skip("VIEW", "IF", "EXISTS")
		return p.names(AccessExclusive)
	}
	return nil
}

func (p *lockParser) lock() []Lock {
	p.skip("TABLE", "ONLY")
	locks := p.names(AccessExclusive)
	if !p.goTo("IN") {
		return locks
	}
	var words []string
	for w := p.word(); w != "" && w != "MODE"; w = p.word() {
		words = append(words, w[:1]+strings.ToLower(w[1:]))
	}
	mode := LockMode(strings.Join(words, "") + "Lock")
	if mode == "AccessShareLock" {
		return nil
	}
	for i := range locks {
		locks[i].Mode = mode
	}
	return locks
}

func (p *lockParser) maintain(command string) []Lock {
	mode := ShareUpdateExclusive
	if command == "CLUSTER" || command == "VACUUM" && p.has("FULL") {
		mode = AccessExclusive
	}
	p.parentheses()
	p.skip("FULL", "FREEZE", "VERBOSE", "ANALYZE", "SKIP_LOCKED")
	return p.names(mode)
}

// parentheses passes over a list of options.
func (p *lockParser) parentheses() {
	if p.at < len(p.list) && p.list[p.at].text == "(" {
		for p.at < len(p.list) && p.list[p.at].text != ")" {
			p.at++
		}
		p.at++
	}
}

func (p *lockParser) reindex() []Lock {
	mode := Share
	if p.has("CONCURRENTLY") {
		mode = ShareUpdateExclusive
	}
	p.parentheses()
	if p.word() != "TABLE" {
		return nil
	}
	p.skip("CONCURRENTLY")
	return p.one(mode)
}

func (p *lockParser) refresh() []Lock {
	p.skip("MATERIALIZED", "VIEW")
	if p.peek() == "CONCURRENTLY" {
		p.at++
		return p.one(Exclusive)
	}
	return p.one(AccessExclusive)
}

// query finds the tables that a WITH changes, and those of FOR UPDATE.
func (p *lockParser) query() []Lock {
	var locks []Lock
	for i, t := range p.list {
		rest := &lockParser{list: p.list, at: i + 1}
		switch {
		case t == token{word, "INSERT"} && rest.peek() == "INTO", t == token{word, "DELETE"} && rest.peek() == "FROM":
			rest.at++
			locks = append(locks, rest.one(RowExclusive)...)
		case t == token{word, "UPDATE"} && (i == 0 || p.list[i-1].text == "("):
			rest.skip("ONLY")
			locks = append(locks, rest.one(RowExclusive)...)
		case t == token{word, "FOR"} && slices.Contains([]string{"UPDATE", "SHARE", "NO", "KEY"}, rest.peek()):
			from := &lockParser{list: p.list}
			if from.goTo("FROM") {
				from.skip("ONLY")
				locks = append(locks, from.one(RowShare)...)
			}
		}
	}
	return locks
}
