package sandbox

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// superuser is the role that owns everything in a sandbox.
const superuser = "postgres"

// DSN is the connection string of the sandbox's database, for pgx, psql and everything else that speaks libpq. It holds a
// password where the server listens on TCP.
func (s *Sandbox) DSN() string { return s.dsn(s.database) }

func (s *Sandbox) dsn(database string) string {
	n := s.Coordinator()
	u := url.URL{Scheme: "postgres", Path: "/" + database}
	if s.password == "" {
		u.RawQuery = url.Values{"host": {n.Host}, "port": {strconv.Itoa(n.Port)}, "user": {superuser}}.Encode()
		return u.String()
	}
	u.User = url.UserPassword(superuser, s.password)
	u.Host = n.Host + ":" + strconv.Itoa(n.Port)
	u.RawQuery = "sslmode=disable"
	return u.String()
}

// NewDatabase creates one more database on the same servers, with the same engine installed, and returns its DSN.
// With Citus it exists on every node, and knows none but the coordinator.
func (s *Sandbox) NewDatabase(ctx context.Context, name string) (dsn string, err error) {
	if err := s.engine.createDatabase(ctx, s, name); err != nil {
		return "", fmt.Errorf("create database %s: %w", name, err)
	}
	return s.dsn(name), nil
}

// DropDatabase drops a database on every node, and disconnects whoever uses it. It is no error if there is none.
func (s *Sandbox) DropDatabase(ctx context.Context, name string) error {
	err := each(s.servers, func(v *server) error {
		return v.exec(ctx, "postgres", "DROP DATABASE IF EXISTS "+quoteIdent(name)+" WITH (FORCE)")
	})
	if err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}

func quoteIdent(name string) string { return pgx.Identifier{name}.Sanitize() }
