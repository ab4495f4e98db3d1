package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// oldest is the oldest PostgreSQL that the stand-in's SQL is written for.
const oldest = 14

// An installation is a PostgreSQL of this machine that can carry a sandbox.
type installation struct {
	bin         string // directory of initdb and postgres
	version     string // as in "15.20"
	major       int
	minor       int
	contrib     bool   // has dblink and pg_stat_statements
	citus       string // extension version of Citus as in "13.2-1"; empty if it is not installed
	fingerprint string // changes when anything of it is upgraded
}

// A machine is what finding needs to know of the world; a test makes one up.
type machine struct {
	files   fs.FS    // rooted at /
	path    []string // the directories of PATH
	resolve func(path string) (string, error)
	output  func(ctx context.Context, program string, args ...string) (string, error)
	goos    string
}

func thisMachine() machine {
	return machine{
		files:   os.DirFS("/"),
		path:    filepath.SplitList(os.Getenv("PATH")),
		resolve: filepath.EvalSymlinks,
		output: func(ctx context.Context, program string, args ...string) (string, error) {
			out, err := exec.CommandContext(ctx, program, args...).Output()
			return strings.TrimSpace(string(out)), err
		},
		goos: runtime.GOOS,
	}
}

// wellKnown are the places where packages put PostgreSQL without putting it on PATH.
var wellKnown = []string{
	"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
	"/usr/pgsql-*/bin",          // PGDG for Fedora, RHEL
	"/usr/libexec/postgresql*",  // Alpine
	"/usr/local/pgsql/bin",      // make install
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// find returns the installation to use: one with Citus rather than one without, unless the stand-in is wanted, and of those
// the newest. An explicit binDir is the only place looked at.
func find(ctx context.Context, m machine, binDir, engineName string) (installation, error) {
	switch engineName {
	case engineAuto, engineCitus, engineStandIn:
	default:
		return installation{}, fmt.Errorf("unknown engine %q, want %s, %s or %s", engineName, engineAuto, engineCitus, engineStandIn)
	}
	var found, plain []installation
	places, searched := m.places(ctx, binDir)
	for _, bin := range places {
		inst, err := m.examine(ctx, bin)
		switch {
		case ctx.Err() != nil:
			return installation{}, ctx.Err()
		case err != nil:
			continue // a directory with something else in it
		case inst.major < oldest:
			searched = append(searched, fmt.Sprintf("%s (PostgreSQL %s, too old)", bin, inst.version))
		case !inst.contrib:
			plain = append(plain, inst)
		case engineName == engineCitus && inst.citus == "":
			plain = append(plain, inst)
		default:
			found = append(found, inst)
		}
	}
	if len(found) == 0 {
		return installation{}, m.notFound(engineName, searched, plain)
	}
	return slices.MaxFunc(found, func(a, b installation) int {
		return cmp.Or(
			cmp.Compare(preference(a, engineName), preference(b, engineName)),
			cmp.Compare(a.major, b.major),
			cmp.Compare(a.minor, b.minor))
	}), nil
}

func preference(inst installation, engineName string) int {
	if engineName != engineStandIn && inst.citus != "" {
		return 1
	}
	return 0
}

// places returns the directories that have both initdb and postgres, and a description of everywhere it looked.
func (m machine) places(ctx context.Context, binDir string) (dirs, searched []string) {
	look := func(dir string) {
		if r, err := m.resolve(path.Join(dir, "postgres")); err == nil {
			dir = path.Dir(r) // a link on PATH leads to the directory that has the rest
		}
		if m.exists(path.Join(dir, "postgres")) && m.exists(path.Join(dir, "initdb")) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	if binDir != "" {
		if abs, err := filepath.Abs(binDir); err == nil {
			binDir = abs
		}
		look(binDir)
		return dirs, []string{binDir}
	}
	for _, dir := range m.path {
		if path.IsAbs(dir) {
			look(dir)
		}
	}
	if dir, err := m.output(ctx, "pg_config", "--bindir"); err == nil {
		look(dir)
	}
	for _, pattern := range wellKnown {
		matches, _ := fs.Glob(m.files, strings.TrimPrefix(pattern, "/")) // the patterns are constant and right
		for _, dir := range matches {
			look("/" + dir)
		}
	}
	return dirs, append([]string{"PATH", "pg_config --bindir"}, wellKnown...)
}

var versionNumber = regexp.MustCompile(`(\d+)(?:\.(\d+))?`)

// examine finds out what the installation in a directory can do.
func (m machine) examine(ctx context.Context, bin string) (installation, error) {
	text, err := m.output(ctx, path.Join(bin, "postgres"), "--version")
	if err != nil {
		return installation{}, err
	}
	number := versionNumber.FindStringSubmatch(text)
	if number == nil {
		return installation{}, errors.New("postgres --version says " + text)
	}
	inst := installation{bin: bin, version: number[0], fingerprint: bin + " " + text}
	inst.major, _ = strconv.Atoi(number[1])
	inst.minor, _ = strconv.Atoi(number[2]) // a beta has none
	lib, share := m.directories(ctx, bin, inst.major)
	inst.contrib = m.exists(path.Join(share, "extension/dblink.control")) && m.exists(path.Join(share, "extension/pg_stat_statements.control"))
	inst.citus, inst.fingerprint = m.citus(lib, share), inst.fingerprint+m.stamp(path.Join(lib, "citus.so"))
	return inst, nil
}

// directories returns where an installation keeps its modules and its extensions.
func (m machine) directories(ctx context.Context, bin string, major int) (lib, share string) {
	lib, err1 := m.output(ctx, path.Join(bin, "pg_config"), "--pkglibdir")
	share, err2 := m.output(ctx, path.Join(bin, "pg_config"), "--sharedir")
	if err1 == nil && err2 == nil {
		return lib, share
	}
	// pg_config often comes with a package for developers, so guess as packages do.
	root := path.Dir(bin)
	for _, guess := range [][2]string{
		{root + "/lib", "/usr/share/postgresql/" + strconv.Itoa(major)}, // Debian, Ubuntu
		{root + "/lib", root + "/share"},
		{root + "/lib/postgresql", root + "/share/postgresql"},
		{"/usr/lib64/pgsql", "/usr/share/pgsql"},                                                     // Fedora
		{"/usr/lib/postgresql" + strconv.Itoa(major), "/usr/share/postgresql" + strconv.Itoa(major)}, // Alpine
	} {
		if m.exists(guess[0]) && m.exists(guess[1]+"/extension") {
			return guess[0], guess[1]
		}
	}
	return "", ""
}

var defaultVersion = regexp.MustCompile(`(?m)^default_version\s*=\s*'([^']+)'`)

// citus returns the version of an installed Citus, or nothing.
func (m machine) citus(lib, share string) string {
	module := "citus.so"
	if m.goos == "darwin" && !m.exists(path.Join(lib, module)) {
		module = "citus.dylib"
	}
	control, err := fs.ReadFile(m.files, inFS(path.Join(share, "extension/citus.control")))
	if err != nil || !m.exists(path.Join(lib, module)) {
		return ""
	}
	if v := defaultVersion.FindSubmatch(control); v != nil {
		return string(v[1])
	}
	return ""
}

// stamp changes when a file is replaced.
func (m machine) stamp(file string) string {
	info, err := fs.Stat(m.files, inFS(file))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" %d %d", info.Size(), info.ModTime().UnixNano())
}

func (m machine) exists(file string) bool {
	_, err := fs.Stat(m.files, inFS(file))
	return err == nil
}

// inFS is an absolute path as the file system of a machine has it.
func inFS(file string) string { return strings.TrimPrefix(path.Clean("/"+file), "/") }
