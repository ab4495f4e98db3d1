package postgres

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Target is a parsed connection string: where to connect and as whom.
type Target struct {
	config *pgconn.Config
}

// ParseTarget reads a connection string as libpq does: a URL or keywords,
// completed by the PG* variables, the service file and .pgpass. An empty string
// takes everything from those.
//
// Options of libpq that have no meaning here, such as gssencmode=prefer or
// keepalives_idle, are ignored. Options that would weaken the connection or
// lead it elsewhere if they were ignored are refused: hostaddr, requirepeer,
// sslcrl, gssencmode=require.
func ParseTarget(dsn string) (*Target, error) {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("parse connection string: %w", err)
	}
	if err := checkUnsupported(config.RuntimeParams); err != nil {
		return nil, fmt.Errorf("parse connection string: %w", err)
	}
	// pgx hands every option it does not know to the server as a setting, and
	// the server refuses the login because of it.
	for _, name := range clientOptions {
		delete(config.RuntimeParams, name)
	}
	return &Target{config: config}, nil
}

// clientOptions are libpq's own options that pgx does not know. They tune the
// client or the network and are no settings of the server.
var clientOptions = []string{
	"authtype", "fallback_application_name", "gssdelegation", "gssencmode", "gsslib",
	"keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval",
	"load_balance_hosts", "requiressl", "scram_client_key", "scram_server_key",
	"ssl_max_protocol_version", "ssl_min_protocol_version", "sslcompression",
	"sslkeylogfile", "tcp_user_timeout", "tty",
}

func checkUnsupported(params map[string]string) error {
	for _, name := range []string{"hostaddr", "requirepeer", "sslcrl", "sslcrldir"} {
		if params[name] != "" {
			return fmt.Errorf("option %s is not supported", name)
		}
	}
	if params["gssencmode"] == "require" {
		return errors.New("option gssencmode=require is not supported")
	}
	if os.Getenv("PGHOSTADDR") != "" {
		return errors.New("variable PGHOSTADDR is not supported, use PGHOST")
	}
	return nil
}

// String is user@host:port/database, with all hosts where there are several. It
// never holds a password.
func (t *Target) String() string {
	hosts := []string{address(t.config.Host, t.config.Port)}
	for _, f := range t.config.Fallbacks {
		// sslmode=prefer lists each host once with and once without TLS.
		if a := address(f.Host, f.Port); !slices.Contains(hosts, a) {
			hosts = append(hosts, a)
		}
	}
	return t.User() + "@" + strings.Join(hosts, ",") + "/" + t.Database()
}

func address(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// Host is the first host: a name, an address, or the directory of a socket.
func (t *Target) Host() string { return t.config.Host }

// Port is the port of the first host.
func (t *Target) Port() uint16 { return t.config.Port }

// User is the role to log in as.
func (t *Target) User() string { return t.config.User }

// Password is the password found, or "". It is there for the mask of secrets.
func (t *Target) Password() string { return t.config.Password }

// Database is the database to connect to; without one in the connection string
// it is the one named like the user, as the server would choose.
func (t *Target) Database() string {
	if t.config.Database == "" {
		return t.config.User
	}
	return t.config.Database
}
