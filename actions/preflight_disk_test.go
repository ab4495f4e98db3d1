package actions

import "testing"

func TestVolumeFits(t *testing.T) {
	const gb = 1 << 30
	for _, c := range []struct {
		name       string
		v          volume
		free       int64
		part       float64
		want, note string
	}{
		{"an empty table", volume{tables: "t"}, 0, 1, "", ""},
		{"half of what is free", volume{tables: "t", bytes: 100 * gb}, 100 * gb, 0.5, "", ""},
		{"no shards", volume{tables: "t", bytes: 1000 * gb}, gb, 0, "", ""},
		{"at the margin", volume{tables: "t", bytes: 160 * gb}, 100 * gb, 0.5, "", ""},
		{"beyond the margin", volume{tables: "t", bytes: 162 * gb}, 100 * gb, 0.5, "", "n has 100 GB free, and its share of t is about 81 GB"},
		{"all that is free", volume{tables: "t", bytes: 100 * gb}, 100 * gb, 1, "", "n has 100 GB free, and its share of t is about 100 GB"},
		{"more than is free", volume{tables: "t, u", bytes: 303 * gb}, 100 * gb, 1. / 3, "n has 100 GB free, and its share of t, u is about 101 GB", ""},
		{"after others", volume{tables: "t", bytes: 100 * gb, before: 120 * gb}, 100 * gb, 0.5, "n has 100 GB free, and its share of t is about 50 GB, after 60 GB of earlier steps", ""},
		{"nothing is free", volume{tables: "t", bytes: 8192}, 0, 0.5, "n has 0 bytes free, and its share of t is about 4096 bytes", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, note := c.v.fit("n", c.free, c.part)
			got := ""
			if len(found) > 0 {
				got = found[0].what
			}
			if got != c.want || note != c.note || len(found) > 1 {
				t.Errorf("found %q, note %q; want %q, %q", got, note, c.want, c.note)
			}
		})
	}
}
