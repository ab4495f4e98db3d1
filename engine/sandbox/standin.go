package sandbox

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// The stand-in is SQL: functions and views with the names, arguments, messages and locks of Citus, over native
// partitioning. Where they differ from Citus each of them says so.
//
//go:embed standin/*.sql
var standInFiles embed.FS

// standInPort names the socket. It need not be free: the server does not listen on TCP, and the directory of the socket is
// its own.
const standInPort = 5432

type standIn struct{}

var _ engine = standIn{}

func (standIn) name() string { return engineStandIn }

// settings make the names of Citus visible in every database. In postgresql.conf rather than by ALTER DATABASE, so that
// ALTER SYSTEM SET citus.stat_statements_track, too, works as it does with Citus: PostgreSQL only knows the placeholder
// where a session starts with it.
func (standIn) settings() string {
	return `
shared_preload_libraries = 'pg_stat_statements'
search_path = '"$user", public, citus_standin'
citus.stat_statements_track = 'none'
`
}

func (standIn) ingredients() string { return strings.Join(standInSQL(), "") }

func (standIn) layOut(s *Sandbox, inst installation, user *account, workers int) error {
	s.servers = []*server{{bin: inst.bin, user: user, sandbox: s.dir, name: "coordinator", port: standInPort}}
	for i := range workers {
		// Names, not addresses: nothing can be reached there, and reports that group by node name show them apart.
		s.workers = append(s.workers, Node{Host: fmt.Sprintf("worker-%d", i+1), Port: standInPort})
	}
	return nil
}

// prepare installs the stand-in in template1, so that every database created later has it.
func (standIn) prepare(ctx context.Context, v *server, _ string) error {
	if err := v.exec(ctx, "template1", standInSQL()...); err != nil {
		return fmt.Errorf("install the stand-in: %w", err)
	}
	return nil
}

// open creates the database: PostgreSQL does that faster than we copy its 300 files from a template.
func (e standIn) open(ctx context.Context, s *Sandbox) (string, error) {
	if err := e.createDatabase(ctx, s, s.database); err != nil {
		return "", err
	}
	version, err := s.servers[0].version(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("stand-in on PostgreSQL %s: nothing is distributed, timings say nothing about Citus", version), nil
}

func (standIn) createDatabase(ctx context.Context, s *Sandbox, name string) error {
	return s.servers[0].exec(ctx, "postgres", "CREATE DATABASE "+quoteIdent(name))
}

// standInSQL returns the files of the stand-in in the order of their names, which is the order they need.
func standInSQL() []string {
	var files []string
	names, _ := fs.Glob(standInFiles, "standin/*.sql") // the pattern is constant and right
	for _, name := range names {
		text, err := standInFiles.ReadFile(name)
		if err != nil {
			panic(err) // an embedded file that was just listed
		}
		files = append(files, string(text))
	}
	return files
}
