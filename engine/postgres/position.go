package postgres

import "unicode/utf8"

// OffsetAt turns a position that the server gave, 1-based and in characters, into
// a byte offset of stmt. It is -1 for 0, the unknown position, and the end of stmt
// for what lies beyond.
func OffsetAt(stmt string, position int) int {
	if position <= 0 {
		return -1
	}
	offset := 0
	for range position - 1 {
		if offset >= len(stmt) {
			break
		}
		_, size := utf8.DecodeRuneInString(stmt[offset:])
		offset += size
	}
	return offset
}
