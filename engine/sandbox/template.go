package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A cache keeps one prepared data directory, a template, for every recipe. initdb takes half a second and creating Citus
// another; copying the outcome takes a tenth of that.
//
// A template is written beside its place and renamed, so it is there wholly or not at all; it carries a count of its
// files, so one that lost some since is noticed and made anew. A lock lets one process at a time make one.
type cache struct {
	dir  string // empty: nothing is kept
	user *account
}

// A recipe says how to make a data directory, and everything that the outcome depends on.
type recipe struct {
	ingredients []string
	make        func(ctx context.Context, v *server) error
}

// templateFormat changes when the layout of a template does.
const templateFormat = "1"

func (r recipe) key() string {
	sum := sha256.Sum256([]byte(templateFormat + "\x00" + strings.Join(r.ingredients, "\x00")))
	return hex.EncodeToString(sum[:10])
}

// cacheDir is the directory to use for the cache, or nothing where the user has none.
func cacheDir(wanted string) string {
	if wanted != "" {
		return wanted
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "runbook", "sandbox")
}

// fill gives each of the servers its data directory.
func (c cache) fill(ctx context.Context, servers []*server, r recipe) error {
	if c.dir == "" {
		return c.fillFrom(ctx, servers, r, "")
	}
	template := filepath.Join(c.dir, r.key())
	if c.copyAll(ctx, template, servers) == nil {
		return nil
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	unlock, err := lock(ctx, template+".lock")
	if err != nil {
		return fmt.Errorf("lock template: %w", err)
	}
	defer unlock()
	// Somebody else may have made it while we waited.
	if c.copyAll(ctx, template, servers) == nil {
		return nil
	}
	return c.fillFrom(ctx, servers, r, template)
}

// fillFrom makes the data directory of the first server and copies it to the template and to the others. It is made in its
// final place, because only there may the user write whom the servers run as.
func (c cache) fillFrom(ctx context.Context, servers []*server, r recipe, template string) error {
	first := servers[0]
	if err := r.make(ctx, first); err != nil {
		return fmt.Errorf("make template: %w", err)
	}
	if template != "" {
		if err := store(ctx, first.data(), template); err != nil {
			return fmt.Errorf("keep template: %w", err)
		}
	}
	return each(servers[1:], func(v *server) error {
		_, err := copyTree(ctx, first.data(), v.data(), c.user)
		return err
	})
}

// copyAll copies a template to the servers. Whatever is wrong with the template, it leaves nothing behind.
func (c cache) copyAll(ctx context.Context, template string, servers []*server) error {
	want, err := os.ReadFile(filepath.Join(template, "files"))
	if err != nil {
		return err
	}
	err = each(servers, func(v *server) error {
		got, err := copyTree(ctx, filepath.Join(template, "data"), v.data(), c.user)
		if err == nil && got.String() != string(want) {
			err = fmt.Errorf("template %s has %s, want %s", template, got, want)
		}
		return err
	})
	if err == nil {
		return nil
	}
	return errors.Join(err, each(servers, func(v *server) error { return os.RemoveAll(v.data()) }))
}

// store keeps a data directory as a template. The caller holds the lock, so what is in the way is a leftover.
func store(ctx context.Context, data, template string) error {
	half := template + ".half"
	if err := errors.Join(os.RemoveAll(half), os.RemoveAll(template), os.Mkdir(half, 0o700)); err != nil {
		return err
	}
	size, err := copyTree(ctx, data, filepath.Join(half, "data"), nil)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(half, "files"), []byte(size.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(half, template)
}

// treeSize is enough to notice that a file is missing or cut.
type treeSize struct {
	files int
	bytes int64
}

func (t treeSize) String() string { return fmt.Sprintf("%d files, %d bytes", t.files, t.bytes) }

// copyTree copies a data directory, which has only directories and files in it, and gives the copy to a user.
func copyTree(ctx context.Context, from, to string, user *account) (treeSize, error) {
	var size treeSize
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		target := to + strings.TrimPrefix(path, from)
		if d.IsDir() {
			return errors.Join(os.Mkdir(target, 0o700), user.own(target))
		}
		n, err := copyFile(path, target, user)
		size.files++
		size.bytes += n
		return err
	})
	return size, err
}

func copyFile(from, to string, user *account) (int64, error) {
	src, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(dst, src)
	return n, errors.Join(err, user.ownFile(dst), dst.Close())
}

// lock takes a lock between processes; it ends with the process that holds it, at the latest.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		taken, err := tryLock(f)
		if taken {
			return func() { _ = f.Close() }, nil
		}
		if err == nil {
			select {
			case <-ctx.Done():
				err = ctx.Err()
			case <-time.After(10 * time.Millisecond):
				continue
			}
		}
		return nil, errors.Join(err, f.Close())
	}
}
