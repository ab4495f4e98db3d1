// Package sandbox runs a throw-away PostgreSQL cluster on this machine, to rehearse a runbook on: Citus where it is
// installed, else a stand-in that gives plain PostgreSQL the same functions and views.
//
// It uses the PostgreSQL that the machine already has (initdb and postgres), needs no container and downloads nothing.
// A sandbox is only reachable from this machine and by whoever knows its connection string, and it is gone when it is
// stopped, also when the program that started it is killed.
//
// It does not make a database worth keeping: the servers run without fsync. It does not add workers to the cluster, does
// not distribute anything and does not know what a runbook is. And the stand-in never passes for Citus: Engine, Banner and
// citus_version() say which one runs.
package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Options say which sandbox to start. The zero value is a good one.
type Options struct {
	// Engine is "citus", "stand-in", or "auto": Citus where it is installed, else the stand-in. Default "auto".
	Engine string
	// Workers is the number of workers a runbook can add. With Citus each is a server of its own; with the stand-in they
	// are addresses, which it records.
	Workers int
	// BinDir is where initdb and postgres are. Default: searched for, see NotFoundError.
	BinDir string
	// CacheDir keeps prepared clusters, so that only the first start pays for initdb. Default: runbook/sandbox in the
	// user's cache directory; where there is none, nothing is kept.
	CacheDir string
	// Database is the database that DSN names. Default "runbook".
	Database string
}

// A Node is the address of a server as citus_add_node takes it.
type Node struct {
	Host string
	Port int
}

// A Sandbox is a running cluster. Its methods may be called from several goroutines.
type Sandbox struct {
	engine   engine
	id       string
	dir      string
	database string
	password string // of the superuser; empty where only the socket is open
	banner   string
	servers  []*server // the coordinator first
	workers  []Node
	watchdog *watchdog

	stop sync.Once
	left error // what Stop could not do
}

// Start starts a sandbox. When it returns an error, or ctx ends before it returns, nothing is left running. After it
// returned, ctx is of no concern to the sandbox: it runs until Stop or until this process ends, in whatever way.
func Start(ctx context.Context, o Options) (*Sandbox, error) {
	s, err := start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start sandbox: %w", err)
	}
	return s, nil
}

func start(ctx context.Context, o Options) (*Sandbox, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	if o.Workers < 0 {
		return nil, fmt.Errorf("%d workers: want 0 or more", o.Workers)
	}
	engineName := cmp.Or(o.Engine, engineAuto)
	inst, err := find(ctx, thisMachine(), o.BinDir, engineName)
	if err != nil {
		return nil, err
	}
	user, err := serverUser()
	if err != nil {
		return nil, err
	}
	parent := parentDir(user)
	sweep(ctx, parent, user)

	s := &Sandbox{engine: newEngine(engineName, inst), database: cmp.Or(o.Database, "runbook")}
	err = s.open(ctx, inst, user, parent, o)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// open brings the sandbox up step by step; Stop can undo any number of the steps.
func (s *Sandbox) open(ctx context.Context, inst installation, user *account, parent string, o Options) error {
	var err error
	if s.dir, err = os.MkdirTemp(parent, dirPrefix); err != nil {
		return err
	}
	s.id = strings.TrimPrefix(filepath.Base(s.dir), dirPrefix)
	if err := user.own(s.dir); err != nil {
		return err
	}
	if s.watchdog, err = watch(s.dir, user); err != nil {
		return err
	}
	if err := s.engine.layOut(s, inst, user, o.Workers); err != nil {
		return err
	}
	c := cache{dir: cacheDir(o.CacheDir), user: user}
	if err := c.fill(ctx, s.servers, s.recipe(inst)); err != nil {
		return err
	}
	if err := each(s.servers, func(v *server) error { return v.start(ctx) }); err != nil {
		return err
	}
	s.banner, err = s.engine.open(ctx, s)
	return err
}

// recipe says how the data directory of a server is made, and what it depends on.
func (s *Sandbox) recipe(inst installation) recipe {
	settings := throwAway + s.engine.settings()
	return recipe{
		ingredients: []string{inst.fingerprint, s.engine.name(), s.engine.ingredients(), settings, s.database},
		make: func(ctx context.Context, v *server) error {
			if err := v.initdb(ctx, settings); err != nil {
				return err
			}
			if err := v.start(ctx); err != nil {
				return err
			}
			return errors.Join(s.engine.prepare(ctx, v, s.database), v.stop(cleanly))
		},
	}
}

// Stop ends the servers and removes the directory. It takes a few milliseconds, disconnects whoever is connected, and may
// be called again.
func (s *Sandbox) Stop() error {
	s.stop.Do(func() {
		left := []error{each(s.servers, func(v *server) error { return v.stop(atOnce) })}
		if s.dir != "" {
			left = append(left, os.RemoveAll(s.dir))
		}
		if s.watchdog != nil {
			left = append(left, s.watchdog.dismiss())
		}
		if err := errors.Join(left...); err != nil {
			s.left = fmt.Errorf("stop sandbox: %w", err)
		}
	})
	return s.left
}

// Engine is "citus" or "stand-in".
func (s *Sandbox) Engine() string { return s.engine.name() }

// Banner says in one line what runs, for everybody who reads a result of this sandbox.
func (s *Sandbox) Banner() string { return s.banner }

// Dir is the directory of the sandbox: data, logs and sockets.
func (s *Sandbox) Dir() string { return s.dir }

// Coordinator is the address of the server that DSN leads to.
func (s *Sandbox) Coordinator() Node { return s.servers[0].node() }

// Workers are the nodes that a runbook can add; the sandbox itself does not add them.
func (s *Sandbox) Workers() []Node { return s.workers }

// each runs f for all of list at once and returns all errors.
func each[T any](list []T, f func(T) error) error {
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, item := range list {
		wg.Go(func() { errs[i] = f(item) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
