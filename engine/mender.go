package engine

// mender is a statement of an earlier step that may repair what a finding tells.
type mender struct {
	number string
	words  map[string]bool // in lower case
}

func (v *previewer) mends(number, text string) {
	m := mender{number, map[string]bool{}}
	for _, w := range wordsOf(text) {
		m.words[w] = true
	}
	v.menders = append(v.menders, m)
}

// repair finds the first earlier step whose statement has all words of a group.
func (v *previewer) repair(f Finding) string {
	for _, m := range v.menders {
		for _, group := range f.Words {
			if has(m.words, wordsOf(group)) {
				return m.number
			}
		}
	}
	return ""
}

func has(set map[string]bool, words []string) bool {
	for _, w := range words {
		if !set[w] {
			return false
		}
	}
	return len(words) > 0
}
