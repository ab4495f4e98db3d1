// Package wording writes figures as a person reads them, alike wherever they are
// read.
package wording

import "fmt"

// Bytes is a number of bytes in powers of 1024, as PostgreSQL's pg_size_pretty
// writes it.
func Bytes(n int64) string {
	const step = 1024
	if n < 10*step {
		return fmt.Sprintf("%d bytes", n)
	}
	x, unit := float64(n)/step, "kB"
	for _, next := range []string{"MB", "GB", "TB"} {
		if x < 10*step {
			break
		}
		x, unit = x/step, next
	}
	return fmt.Sprintf("%.0f %s", x, unit)
}
