package sandbox

import (
	"fmt"
	"io/fs"
	"strings"
)

// A NotFoundError says that this machine has no PostgreSQL that can carry the sandbox, where it was looked for, and how to
// get it.
type NotFoundError struct {
	Wanted   string   // what is missing
	Searched []string // where it was looked for
	Install  string   // what to do about it on this machine
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%s not found\nsearched: %s\n%s", e.Wanted, strings.Join(e.Searched, "\n          "), e.Install)
}

// notFound explains why none of the installations will do. plain are those that lack only an extension.
func (m machine) notFound(engineName string, searched []string, plain []installation) error {
	if len(plain) == 0 {
		return &NotFoundError{
			Wanted:   fmt.Sprintf("PostgreSQL %d or newer (initdb and postgres)", oldest),
			Searched: searched,
			Install:  "install it: " + m.installCommand(),
		}
	}
	e := &NotFoundError{Wanted: "the extensions dblink and pg_stat_statements of PostgreSQL", Install: "install them: " + m.installCommand()}
	for _, inst := range plain {
		e.Searched = append(e.Searched, fmt.Sprintf("%s (PostgreSQL %s)", inst.bin, inst.version))
		if inst.contrib && engineName == engineCitus {
			e.Wanted = "Citus for an installed PostgreSQL"
			e.Install = "install it: https://docs.citusdata.com/en/stable/installation/multi_node.html\n" +
				"or rehearse on the stand-in: --sandbox=stand-in"
		}
	}
	return e
}

// installers are the commands that install the server and its contrib extensions, by the ID or ID_LIKE of /etc/os-release.
var installers = []struct{ ids, command string }{
	{"debian ubuntu", "sudo apt-get install postgresql"},
	{"fedora rhel centos", "sudo dnf install postgresql-server postgresql-contrib"},
	{"alpine", "sudo apk add postgresql postgresql-contrib"},
	{"arch", "sudo pacman -S postgresql"},
}

func (m machine) installCommand() string {
	if m.goos == "darwin" {
		return "brew install postgresql@17"
	}
	release, _ := fs.ReadFile(m.files, "etc/os-release") // without one the advice is general
	for _, id := range releaseIDs(string(release)) {
		for _, i := range installers {
			if strings.Contains(" "+i.ids+" ", " "+id+" ") {
				return i.command
			}
		}
	}
	return "the PostgreSQL server with its contrib extensions, see https://www.postgresql.org/download/"
}

// releaseIDs returns what an os-release file calls the system: first itself, then what it is like.
func releaseIDs(release string) []string {
	var id, like string
	for line := range strings.Lines(release) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"'`)
		switch key {
		case "ID":
			id = value
		case "ID_LIKE":
			like = value
		}
	}
	return strings.Fields(id + " " + like)
}
