package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// citus is the real thing: a coordinator and workers, each a server of its own on the loopback address.
type citus struct{}

var _ engine = citus{}

func (citus) name() string { return engineCitus }

// settings are what Citus needs to distribute tables concurrently, and what a cluster on one machine can do without. They
// leave to the runbook what a runbook has to see to on a real cluster: output_plugin_libraries and
// citus.stat_statements_track.
func (citus) settings() string {
	return `
shared_preload_libraries = 'citus, pg_stat_statements'
wal_level = logical
max_worker_processes = 64
max_replication_slots = 128
max_wal_senders = 64
max_logical_replication_workers = 48
citus.node_conninfo = 'sslmode=disable'
`
}

func (citus) ingredients() string { return "" }

const loopback = "127.0.0.1"

func (citus) layOut(s *Sandbox, inst installation, user *account, workers int) error {
	ports, err := freePorts(1 + workers)
	if err != nil {
		return err
	}
	s.password = rand.Text()
	// The servers connect to each other with libpq, which finds the password here.
	passfile := filepath.Join(s.dir, "pgpass")
	if err := os.WriteFile(passfile, []byte(loopback+":*:*:*:"+s.password+"\n"+"localhost:*:*:*:"+s.password+"\n"), 0o600); err != nil {
		return err
	}
	for i, port := range ports {
		v := &server{
			bin: inst.bin, user: user, sandbox: s.dir, name: "coordinator", host: loopback, port: port,
			env: []string{"PGPASSFILE=" + passfile},
		}
		if i > 0 {
			v.name = fmt.Sprintf("worker-%d", i)
			s.workers = append(s.workers, v.node())
		}
		s.servers = append(s.servers, v)
	}
	return user.own(passfile)
}

// prepare creates the database with its extensions. The password and everything that tells one node from another comes
// when a copy is opened.
func (citus) prepare(ctx context.Context, v *server, database string) error {
	if err := v.exec(ctx, "postgres", "CREATE DATABASE "+quoteIdent(database)); err != nil {
		return err
	}
	if err := v.exec(ctx, database, createCitus...); err != nil {
		return err
	}
	// Sessions over the socket, whose directory only the owner can enter, need no password; over TCP anybody can try.
	return os.WriteFile(filepath.Join(v.data(), "pg_hba.conf"), []byte("local all all trust\nhost all all "+loopback+"/32 scram-sha-256\n"), 0o600)
}

// createCitus installs Citus in a database, each in a statement of its own because Citus wants to be the first.
var createCitus = []string{"CREATE EXTENSION citus", "CREATE EXTENSION pg_stat_statements"}

func (citus) open(ctx context.Context, s *Sandbox) (string, error) {
	// Note: a SCRAM verifier with one iteration instead of 4096 would make a connection 0.5 of 3 ms faster, which is not
	// worth the code.
	password := "ALTER ROLE " + superuser + " PASSWORD '" + s.password + "'"
	err := each(s.servers, func(v *server) error { return v.exec(ctx, s.database, password, newServerID) })
	if err == nil {
		err = s.nameCoordinator(ctx, s.database)
	}
	if err != nil {
		return "", err
	}
	version, err := s.servers[0].version(ctx)
	if err != nil {
		return "", err
	}
	text, err := s.servers[0].text(ctx, s.database, "SELECT citus_version()") // Citus 13.2.2 on x86_64-pc-linux-gnu, …
	if err != nil {
		return "", err
	}
	name, _, _ := strings.Cut(text, " on ")
	return fmt.Sprintf("%s on PostgreSQL %s, coordinator and %s on loopback", name, version, count(len(s.workers), "worker")), nil
}

// newServerID gives a copied node an identity of its own. By it Citus recognises an attempt to add a node to itself, so all
// copies of one template would refuse each other.
const newServerID = `UPDATE pg_dist_node_metadata SET metadata = jsonb_set(metadata, '{server_id}', to_jsonb(gen_random_uuid()))`

// nameCoordinator registers the coordinator, as on every managed cluster. The workers are the runbook's business.
func (s *Sandbox) nameCoordinator(ctx context.Context, database string) error {
	n := s.Coordinator()
	return s.servers[0].exec(ctx, database, fmt.Sprintf("SELECT citus_set_coordinator_host('%s', %d)", n.Host, n.Port))
}

func (citus) createDatabase(ctx context.Context, s *Sandbox, name string) error {
	err := each(s.servers, func(v *server) error {
		if err := v.exec(ctx, "postgres", "CREATE DATABASE "+quoteIdent(name)); err != nil {
			return err
		}
		return v.exec(ctx, name, createCitus...)
	})
	if err != nil {
		return err
	}
	return s.nameCoordinator(ctx, name)
}

// freePorts returns ports that nobody listens on. Somebody may take one before the server does; then the server says so and
// does not start.
func freePorts(n int) (ports []int, err error) {
	for range n {
		// All are held until the last is found, so that no two are the same.
		l, listenErr := net.Listen("tcp4", loopback+":0")
		if listenErr != nil {
			return nil, errors.Join(err, listenErr)
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
