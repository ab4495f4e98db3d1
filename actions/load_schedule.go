package actions

import (
	"math"
	"time"
)

// schedule says when the executions of a load with a rate are due: at even
// intervals, whatever has become of those before. It is two numbers, so a
// backlog of any length takes no memory.
type schedule struct {
	rate  float64 // a second
	taken int64   // how many a connection has taken on
	sent  int64   // and of these, how many have begun
}

// due is when the nth execution is due, counted from 0.
func (s *schedule) due(n int64) moment { return moment(float64(n) / s.rate * float64(time.Second)) }

// next is when the first execution is due that nobody has taken on.
func (s *schedule) next() moment { return s.due(s.taken) }

// take gives an execution to a connection, and says when it is due.
func (s *schedule) take() moment {
	s.taken++
	return s.due(s.taken - 1)
}

// by is how many executions were due by t, t included.
func (s *schedule) by(t moment) int64 {
	if t < 0 {
		return 0
	}
	n := int64(math.Floor(t.Seconds()*s.rate)) + 1
	for n > 0 && s.due(n-1) > t { // the two divisions may round to different sides
		n--
	}
	for s.due(n) <= t {
		n++
	}
	return n
}

// unsent is how many were due by t and have not begun.
func (s *schedule) unsent(t moment) int64 { return max(s.by(t)-s.sent, 0) }
