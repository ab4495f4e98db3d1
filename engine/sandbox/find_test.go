package sandbox

import (
	"context"
	"errors"
	"path"
	"strings"
	"testing"
	"testing/fstest"
)

// madeUp is a machine with the given files. A file named …/bin/postgres has its version as its text, and pg_config is nowhere.
func madeUp(goos string, searchPath string, files map[string]string) machine {
	all := fstest.MapFS{}
	for name, text := range files {
		all[inFS(name)] = &fstest.MapFile{Data: []byte(text)}
	}
	return machine{
		goos: goos, files: all, path: strings.Split(searchPath, ":"),
		resolve: func(p string) (string, error) {
			text := files[p]
			if target, ok := strings.CutPrefix(text, "-> "); ok {
				return target, nil
			}
			return p, nil
		},
		output: func(_ context.Context, program string, _ ...string) (string, error) {
			if text, ok := files[program]; ok && path.Base(program) == "postgres" {
				return "postgres (PostgreSQL) " + text, nil
			}
			return "", errors.New("no such program")
		},
	}
}

// debian returns the files of a Debian machine with the given versions; a + behind one means that it has Citus.
func debian(versions ...string) map[string]string {
	files := map[string]string{"/etc/os-release": "NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n"}
	for _, v := range versions {
		number, hasCitus := strings.CutSuffix(v, "+")
		major, _, _ := strings.Cut(number, ".")
		lib, share := "/usr/lib/postgresql/"+major, "/usr/share/postgresql/"+major+"/extension/"
		files[lib+"/bin/postgres"], files[lib+"/bin/initdb"] = number, ""
		files[lib+"/lib/dblink.so"] = ""
		files[share+"dblink.control"], files[share+"pg_stat_statements.control"] = "", ""
		if hasCitus {
			files[lib+"/lib/citus.so"], files[share+"citus.control"] = "", "default_version = '13.2-1'\n"
		}
	}
	return files
}

func TestFind(t *testing.T) {
	onPath := debian("15.20")
	onPath["/usr/local/bin/postgres"] = "-> /usr/lib/postgresql/15/bin/postgres"
	for _, tt := range []struct {
		name    string
		machine machine
		binDir  string
		engine  string
		want    string // bin and Citus version
	}{
		{"newest", madeUp("linux", "/usr/bin", debian("9.6.2", "15.20", "17.2", "17.11")), "", "auto", "/usr/lib/postgresql/17/bin "},
		{"Citus before newer", madeUp("linux", "/usr/bin", debian("15.20+", "17.2")), "", "auto", "/usr/lib/postgresql/15/bin 13.2-1"},
		{"newest when the stand-in is wanted", madeUp("linux", "/usr/bin", debian("15.20+", "17.2")), "", "stand-in", "/usr/lib/postgresql/17/bin "},
		{"Citus wanted", madeUp("linux", "/usr/bin", debian("15.20+", "17.2")), "", "citus", "/usr/lib/postgresql/15/bin 13.2-1"},
		{"link on PATH", madeUp("linux", "/usr/local/bin", onPath), "", "auto", "/usr/lib/postgresql/15/bin "},
		{"only where told", madeUp("linux", "/usr/bin", debian("15.20+", "17.2")), "/usr/lib/postgresql/17/bin", "auto", "/usr/lib/postgresql/17/bin "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inst, err := find(t.Context(), tt.machine, tt.binDir, tt.engine)
			if err != nil {
				t.Fatal(err)
			}
			if got := inst.bin + " " + inst.citus; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNotFound(t *testing.T) {
	noContrib := debian("17.2")
	delete(noContrib, "/usr/share/postgresql/17/extension/dblink.control")
	noContrib["/etc/os-release"] = "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"
	for _, tt := range []struct {
		name    string
		machine machine
		engine  string
		want    string
	}{
		{"nothing, Ubuntu", madeUp("linux", "/usr/bin", debian("12.1")), "auto", `PostgreSQL 14 or newer (initdb and postgres) not found
searched: PATH
          pg_config --bindir
          /usr/lib/postgresql/*/bin
          /usr/pgsql-*/bin
          /usr/libexec/postgresql*
          /usr/local/pgsql/bin
          /opt/homebrew/opt/postgresql*/bin
          /usr/local/opt/postgresql*/bin
          /Applications/Postgres.app/Contents/Versions/*/bin
          /usr/lib/postgresql/12/bin (PostgreSQL 12.1, too old)
install it: sudo apt-get install postgresql`},
		{"no contrib, Rocky", madeUp("linux", "/usr/bin", noContrib), "auto", `the extensions dblink and pg_stat_statements of PostgreSQL not found
searched: /usr/lib/postgresql/17/bin (PostgreSQL 17.2)
install them: sudo dnf install postgresql-server postgresql-contrib`},
		{"no Citus", madeUp("linux", "/usr/bin", debian("15.20", "17.2")), "citus", `Citus for an installed PostgreSQL not found
searched: /usr/lib/postgresql/15/bin (PostgreSQL 15.20)
          /usr/lib/postgresql/17/bin (PostgreSQL 17.2)
install it: https://docs.citusdata.com/en/stable/installation/multi_node.html
or rehearse on the stand-in: --sandbox=stand-in`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := find(t.Context(), tt.machine, "", tt.engine)
			var missing *NotFoundError
			if !errors.As(err, &missing) {
				t.Fatalf("got %v", err)
			}
			if err.Error() != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", err, tt.want)
			}
		})
	}
}

func TestInstallCommand(t *testing.T) {
	for release, want := range map[string]string{
		"ID=debian":                    "sudo apt-get install postgresql",
		"ID=fedora":                    "sudo dnf install postgresql-server postgresql-contrib",
		"ID=alpine":                    "sudo apk add postgresql postgresql-contrib",
		"ID=endeavouros\nID_LIKE=arch": "sudo pacman -S postgresql",
		"ID=plan9":                     "the PostgreSQL server with its contrib extensions, see https://www.postgresql.org/download/",
	} {
		if got := madeUp("linux", "", map[string]string{"/etc/os-release": release}).installCommand(); got != want {
			t.Errorf("%s: got %s, want %s", release, got, want)
		}
	}
	if got := madeUp("darwin", "", nil).installCommand(); got != "brew install postgresql@17" {
		t.Errorf("darwin: got %s", got)
	}
}
