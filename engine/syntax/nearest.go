package syntax

import "fmt"

// Nearest is the candidate that word was most likely meant to be, or "" when
// none is near: at most one edit for short words, a third of the length for
// long ones. An edit inserts, deletes or replaces one character or swaps two
// neighbours (optimal string alignment distance).
func Nearest(word string, candidates []string) string {
	n := len([]rune(word))
	best, bound := "", min(max(1, n/3)+1, n) // of one letter nothing is left by an edit
	for _, c := range candidates {
		if d := distance(word, c); d < bound && c != word {
			best, bound = c, d
		}
	}
	return best
}

// DidYouMean is a hint that names the near miss, or "".
func DidYouMean(word string, candidates []string) string {
	if n := Nearest(word, candidates); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return ""
}

func distance(s, t string) int {
	a, b := []rune(s), []rune(t)
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
