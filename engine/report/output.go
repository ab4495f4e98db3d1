package report

import "io"

// output writes to w until that fails, and says so once: whoever stops the run
// because of it goes on to write how it stopped, and needs no second error.
type output struct {
	w      io.Writer
	failed bool
}

func (o *output) write(b []byte) error {
	if o.failed || len(b) == 0 {
		return nil
	}
	_, err := o.w.Write(b)
	if err == nil {
		if f, ok := o.w.(interface{ Flush() error }); ok {
			err = f.Flush()
		}
	}
	o.failed = err != nil
	return err
}
