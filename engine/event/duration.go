package event

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Duration is a time.Duration that reads and writes as seconds in JSON, so
// that a record means the same to jq as to a person.
type Duration time.Duration

func (d Duration) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(d).Seconds(), 'f', -1, 64), nil
}

func (d *Duration) UnmarshalJSON(b []byte) error {
	s, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return fmt.Errorf("read duration %s: want seconds as a number", b)
	}
	*d = Duration(math.Round(s * float64(time.Second)))
	return nil
}

func (d Duration) String() string { return time.Duration(d).String() }
