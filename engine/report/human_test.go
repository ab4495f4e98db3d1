package report

import (
	"testing"
	"time"
)

func TestNumbers(t *testing.T) {
	for _, test := range []struct {
		d    time.Duration
		want string
	}{
		{-1, "0s"},
		{0, "0s"},
		{1, "1µs"},
		{180 * time.Microsecond, "180µs"},
		{12 * time.Millisecond, "12ms"},
		{999499 * time.Microsecond, "999ms"},
		{999500 * time.Microsecond, "1.0s"},
		{6100 * time.Millisecond, "6.1s"},
		{59949 * time.Millisecond, "59.9s"},
		{59950 * time.Millisecond, "1m00s"},
		{252 * time.Second, "4m12s"},
		{time.Hour - time.Second/2, "1h00m"},
		{62 * time.Minute, "1h02m"},
		{24*time.Hour - time.Second, "1d00h"},
		{76 * time.Hour, "3d04h"},
	} {
		if got := human(test.d); got != test.want {
			t.Errorf("human(%d) = %s, want %s", test.d, got, test.want)
		}
	}
	for ratio, want := range map[float64]string{1: "+0.0%", 1.03: "+3.0%", 1.63: "+63%", 0.67: "-33%", 0.004: "-100%", 1.99: "+99%", 2: "x2.0", 41.6: "x41.6", 123.4: "x123"} {
		if got := change(ratio); got != want {
			t.Errorf("change(%v) = %s, want %s", ratio, got, want)
		}
	}
	for p, want := range map[float64]string{0.0001: "p<.001", 0.004: "p=.004", 0.41: "p=.41", 0.999: "p=1", 1: "p=1"} {
		if got := probability(p); got != want {
			t.Errorf("probability(%v) = %s, want %s", p, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 4002959: "4,002,959", -1234: "-1,234"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %s, want %s", n, got, want)
		}
	}
}
