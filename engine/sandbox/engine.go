package sandbox

import "context"

// The values of Options.Engine.
const (
	engineAuto    = "auto"
	engineCitus   = "citus"
	engineStandIn = "stand-in"
)

// An engine is what differs between a sandbox with Citus and one with the stand-in.
type engine interface {
	// name is "citus" or "stand-in".
	name() string
	// settings are lines for postgresql.conf. They are not given on the command line of the server, because what is
	// given there cannot be changed by ALTER SYSTEM, which is what a runbook does.
	settings() string
	// ingredients is everything else that prepare depends on.
	ingredients() string
	// layOut decides which servers the sandbox consists of.
	layOut(s *Sandbox, inst installation, user *account, workers int) error
	// prepare puts into a new cluster what all sandboxes have in common.
	prepare(ctx context.Context, v *server, database string) error
	// open does what a copied cluster needs after it was started, and returns the banner.
	open(ctx context.Context, s *Sandbox) (string, error)
	// createDatabase creates one more database with the engine installed.
	createDatabase(ctx context.Context, s *Sandbox, name string) error
}

func newEngine(name string, inst installation) engine {
	if name == engineStandIn || inst.citus == "" {
		return standIn{}
	}
	return citus{}
}

// throwAway makes a server fast rather than safe: it is deleted in the end, and after a crash too.
//
// Note: synchronous_commit stays on, which costs next to nothing without fsync.
// With it off, Citus 13.2 loses what a writer commits across the end of
// create_distributed_table_concurrently.
const throwAway = `
fsync = off
full_page_writes = off
max_wal_size = 4GB
shared_buffers = 256MB
max_connections = 200
jit = off                         # its compile time would look like a regression of the migration
timezone = UTC
log_timezone = UTC
`
