package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// apply makes the step's settings hold on its connection. restore puts back
// what was there before, also when the step failed or the run was stopped.
func (x *executor) apply(ctx context.Context, s *step) (restore func() error, err error) {
	if len(s.settings) == 0 {
		return func() error { return nil }, nil
	}
	sess, err := x.conns.session(ctx, s.connection)
	if err != nil {
		return nil, err
	}
	type old struct{ name, value string }
	var before []old
	restore = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		var errs []error
		for _, o := range before {
			if sess.Closed() || sess.FailedTransaction() {
				break // the settings went with the session, or go with its rollback
			}
			if _, err := sess.Query(ctx, "SELECT pg_catalog.set_config($1, $2, false)", o.name, o.value); err != nil {
				errs = append(errs, fmt.Errorf("put setting %s back: %w", o.name, err))
			}
		}
		return errors.Join(errs...)
	}
	for _, set := range s.settings {
		value, err := set.value.get(x.scope)
		if err != nil {
			return nil, errors.Join(err, restore())
		}
		r, err := sess.Query(ctx, "SELECT coalesce(pg_catalog.current_setting($1, true), '')", set.name)
		if err == nil {
			before = append(before, old{set.name, r.Rows[0][0].(string)})
			_, err = sess.Query(ctx, "SELECT pg_catalog.set_config($1, $2, false)", set.name, value.String())
		}
		if err != nil {
			pos := set.node.Pos
			return nil, errors.Join(&Fault{
				Message: fmt.Sprintf("setting %s: %s", set.name, err),
				Place:   placeOf(pos), Excerpt: set.node.Source().Excerpt(pos, len(set.name), ""),
			}, restore())
		}
	}
	return restore, nil
}
