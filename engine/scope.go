package engine

import (
	"maps"
	"os"
	"sync"
	"time"
)

// RunInfo is `run` in expressions.
type RunInfo struct {
	ID          string    `expr:"id"`
	Started     time.Time `expr:"started"`
	Engine      string    `expr:"engine"` // citus, stand-in or postgresql
	Sandbox     bool      `expr:"sandbox"`
	Resumed     bool      `expr:"resumed"`     // goes on where an earlier process was cut off
	Coordinator Node      `expr:"coordinator"` // of a sandbox
	Workers     []Node    `expr:"workers"`     // of a sandbox, not yet part of its cluster
}

// Node is the address of a server.
type Node struct {
	Host string `expr:"host"`
	Port int    `expr:"port"`
}

// FailureInfo is `failure` in the steps of a rescue.
type FailureInfo struct {
	Step     string `expr:"step"`
	Message  string `expr:"message"`
	SQLState string `expr:"sqlstate"`
}

// scope is what names mean while a run goes on. Expressions get copies of the
// values they use, so that probes can evaluate theirs while steps register.
type scope struct {
	mu    sync.Mutex
	names map[string]any
	steps map[string]any
	ahead *foresight // nil in a run
}

func newScope(info RunInfo) *scope {
	return &scope{names: map[string]any{"run": info}, steps: map[string]any{}}
}

func (s *scope) set(name string, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[name] = v
}

func (s *scope) unset(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.names, name)
}

func (s *scope) setStep(id string, result any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps[id] = result
}

// values are the current values of names; those that have none are left out.
func (s *scope) values(uses []string) map[string]any {
	if len(uses) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]any, len(uses))
	for _, name := range uses {
		switch name {
		case "steps":
			out[name] = maps.Clone(s.steps)
		case "env":
			out[name] = environment()
		default:
			if v, ok := s.names[name]; ok {
				out[name] = v
			}
		}
	}
	return out
}

// environment is env.NAME; a variable that is not set is nil there.
func environment() map[string]any {
	out := map[string]any{}
	for _, entry := range os.Environ() {
		for i := 1; i < len(entry); i++ {
			if entry[i] == '=' {
				out[entry[:i]] = entry[i+1:]
				break
			}
		}
	}
	return out
}
