package event

import (
	"sync"
	"time"
)

// Stream numbers events, masks secrets in them and hands them to its sinks. It
// is safe for concurrent use; the sinks see one record at a time.
type Stream struct {
	mu    sync.Mutex
	seq   int
	sinks []Sink
	mask  *Mask
	now   func() time.Time
	err   error
}

// NewStream makes a stream over sinks, which it calls in the given order: put
// the journal first, so that nothing is shown that is not kept. A nil mask
// hides nothing.
func NewStream(mask *Mask, now func() time.Time, sinks ...Sink) *Stream {
	return &Stream{sinks: sinks, mask: mask, now: now}
}

// Continue makes seq+1 the number of the next record, for a run that goes on in
// its own journal, whose last record had the number seq.
func (s *Stream) Continue(seq int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq = seq
}

// Hide replaces the mask. Secrets that only the run itself can tell are known
// before its first record.
func (s *Stream) Hide(mask *Mask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mask = mask
}

// Emit records e. It returns the first error any sink ever gave, so that the
// caller stops before it does what the record announced.
func (s *Stream) Emit(e Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	r := Record{s.seq, s.now(), s.mask.Event(e)}
	for _, sink := range s.sinks {
		if err := sink.Write(r); err != nil && s.err == nil {
			s.err = err
		}
	}
	return s.err
}

// Err is the first error of a sink, or nil.
func (s *Stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
