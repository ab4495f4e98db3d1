package engine

import "context"

// Gate holds steps back. It is called before each of them begins, and before the
// next turn or attempt of one, and returns when it may begin. Its error says
// that it will not. What cleans up, `rescue` and `always`, is never held back.
type Gate func(ctx context.Context) error

// and is both gates, one after the other.
func (g Gate) and(other Gate) Gate {
	switch {
	case g == nil:
		return other
	case other == nil:
		return g
	}
	return func(ctx context.Context) error {
		if err := g(ctx); err != nil {
			return err
		}
		return other(ctx)
	}
}

// held waits until the gate lets the next step begin. While a transaction is
// open it does not wait: the locks that the transaction holds would be held all
// the while, and may be what the gate waits for.
func (x *executor) held(ctx context.Context, g Gate) error {
	if g == nil || x.anyTransaction() {
		return nil
	}
	err := g(ctx)
	if err != nil && ctx.Err() != nil {
		return stopped(ctx)
	}
	return err
}
