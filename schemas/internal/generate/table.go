package main

import (
	"strings"
	"unicode/utf8"
)

// table writes a Markdown table that can be read as it is: all columns but the
// last are padded.
func table(b *strings.Builder, header []string, rows [][]string) {
	widths := make([]int, len(header))
	all := append([][]string{header}, rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(escape(cell)))
		}
	}
	widths[len(widths)-1] = utf8.RuneCountInString(header[len(header)-1])
	line := func(row []string, fill string) {
		for i, cell := range row {
			cell = escape(cell)
			b.WriteString("| " + cell + strings.Repeat(fill, max(0, widths[i]-utf8.RuneCountInString(cell))) + " ")
		}
		b.WriteString("|\n")
	}
	line(header, " ")
	line(make([]string, len(header)), "-")
	for _, row := range rows {
		line(row, " ")
	}
	b.WriteByte('\n')
}

func escape(cell string) string { return strings.ReplaceAll(cell, "|", `\|`) }
