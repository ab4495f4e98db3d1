//go:build !linux && !darwin

package sandbox

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// supported is asked before anything else here is called.
func supported() error {
	name := runtime.GOOS
	if name == "windows" {
		name = "Windows"
	}
	return fmt.Errorf("a sandbox is not supported on %s; run against a database of your own, or in WSL or a container", name)
}

type account struct{}

func serverUser() (*account, error)                 { return nil, supported() }
func (*account) own(string) error                   { return nil }
func (*account) ownFile(*os.File) error             { return nil }
func (*account) owns(fs.FileInfo) bool              { return false }
func childAttributes(*account) *syscall.SysProcAttr { return nil }
func killGroup(int) error                           { return supported() }
func tryLock(*os.File) (bool, error)                { return false, supported() }
func parentDir(*account) string                     { return os.TempDir() }
