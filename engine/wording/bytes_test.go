package wording

import "testing"

// The texts are those of pg_size_pretty on PostgreSQL 15.
func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 1: "1 bytes", 10239: "10239 bytes", 10240: "10 kB", 127893504: "122 MB",
		10 << 20: "10 MB", 10<<30 + 1: "10 GB", 1 << 50: "1024 TB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
