package actions

import (
	"context"
	"strings"
	"time"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/postgres"
)

// concurrently converts the table under its own short lock_timeout, then lets
// the call run as long as it takes.
func (x *distribution) concurrently(ctx context.Context) error {
	if x.table.Kind == local {
		convert := "SELECT citus_add_local_table_to_metadata(" + x.literal(x.table.Name) + ")"
		if err := x.attempts.run(ctx, x.table.Name, convert); err != nil {
			return engine.Explain("convert "+x.table.Name, err)
		}
	}
	notices, stop, err := x.env.Notices(ctx)
	if err != nil {
		return err
	}
	defer stop()
	// The call tells its phases at this level.
	if err := x.env.Exec(ctx, "SET client_min_messages = log"); err != nil {
		return err
	}
	watched := x.watchPhases(notices)
	_, err = x.env.Rows(ctx, x.call("create_distributed_table_concurrently"))
	watched()
	if _, resetErr := x.env.Rows(context.WithoutCancel(ctx), "RESET client_min_messages"); err == nil && resetErr != nil {
		return resetErr
	}
	return err
}

// phases maps the beginnings of Citus's log messages to what they mean.
var phases = []struct{ message, phase string }{
	{"performing non-blocking", "preparing"},
	{"creating child shards", "creating shards"},
	{"creating replication artifacts", "waiting for open transactions"},
	{"performing copy", "copying"},
	{"replicating changes", "catching up"},
	{"marking deferred cleanup", "switching over"},
	{"creating foreign key constraints", "switching over"},
}

// watchPhases gives signs of life until the returned function is called.
func (x *distribution) watchPhases(notices <-chan postgres.Notice) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	began, phase := time.Now(), "preparing"
	tell := func() {
		_ = x.env.Emit(event.Progress{Step: x.env.Step(), Phase: phase, Elapsed: event.Duration(time.Since(began))})
	}
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				tell()
			case n := <-notices:
				for _, p := range phases {
					if strings.HasPrefix(n.Message, p.message) && p.phase != phase {
						phase = p.phase
						tell()
					}
				}
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
