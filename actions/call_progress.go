package actions

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/postgres"
)

// callProgress follows a long call while it runs, tells its phases from what
// Citus says of itself, and gives signs of life with what can be seen from
// beside it. That it sees less, or nothing, never fails the call.
type callProgress struct {
	env      *engine.Env
	began    time.Time
	incoming *incoming // of a call that brings rows back

	mu      sync.Mutex
	table   string // that the call is about
	now     callPhase
	entered time.Time // the phase
	moved   time.Time // when something was last seen to go on
	looked  time.Time // when that was last looked for
	stages  stages
	fold    copyFold
	level   level
	lag     int64
	holders []event.Holder
}

// tellEvery is the time from one sign of life to the next.
const tellEvery = time.Second

// stalled is after how long without any progress the workers are asked as well
// who is in the way.
const stalled = 10 * time.Second

// newCallProgress is for a call that has not begun; phase may be asked from now
// on.
func newCallProgress(env *engine.Env, table string, phase callPhase) *callProgress {
	now := time.Now()
	return &callProgress{env: env, table: table, began: now, now: phase, entered: now, moved: now}
}

// phase is the one that the call is in now, or was in when it ended. Any
// goroutine may ask.
func (p *callProgress) phase() callPhase {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// phaseNow is the phase and how long it has lasted.
func (p *callProgress) phaseNow() (callPhase, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now, time.Since(p.entered)
}

// phases are those that were entered so far, with their durations.
func (p *callProgress) phases() []DistributePhase {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := append(stages(nil), p.stages...)
	if p.now != finished {
		out.add(p.now, time.Since(p.entered))
	}
	return out
}

// enter begins a phase and tells of it, unless the call is in it.
func (p *callProgress) enter(phase callPhase) {
	if p.begin(phase, time.Now()) && phase != finished {
		p.tell()
	}
}

func (p *callProgress) begin(phase callPhase, at time.Time) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == phase {
		return false
	}
	p.stages.add(p.now, at.Sub(p.entered))
	p.now, p.entered, p.moved, p.looked = phase, at, at, at
	p.holders = nil
	switch phase {
	case copying:
		p.fold.begin(at)
	case catchingUp:
		p.level = nil
	}
	return true
}

// follow gives signs of life until stop is called, which returns when nothing
// of it runs any more. After that, phase is the last one that was heard of.
func (p *callProgress) follow(ctx context.Context) (stop func()) {
	notices, mute, err := p.env.Notices(ctx)
	if err != nil {
		return func() {} // without a connection there is no call either
	}
	caller, err := p.env.Quiet(ctx)
	if err != nil {
		return mute
	}
	// A call that is being stopped has phases too.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := newCallWatch(p.env, caller)
	var running sync.WaitGroup
	running.Go(func() { p.listen(ctx, notices) })
	running.Go(func() { p.watch(ctx, w) })
	return func() {
		cancel()
		running.Wait()
		mute()
		p.hear(notices)
	}
}

// during makes the call, and follows it.
func (p *callProgress) during(ctx context.Context, call func() error) error {
	stop := p.follow(ctx)
	err := call()
	if stop(); err == nil {
		p.enter(finished)
	}
	return err
}

// listen follows the phases.
func (p *callProgress) listen(ctx context.Context, notices <-chan postgres.Notice) {
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-notices:
			p.heard(n)
		}
	}
}

// hear takes the notices that came before the end.
func (p *callProgress) hear(notices <-chan postgres.Notice) {
	for {
		select {
		case n := <-notices:
			p.heard(n)
		default:
			return
		}
	}
}

func (p *callProgress) heard(n postgres.Notice) {
	if table, named := strings.CutPrefix(n.Message, anotherTable); named {
		p.turn(table)
	}
	if phase, known := phaseOf(n.Message); known {
		p.enter(phase)
	}
	if p.leveled(n.Message) {
		p.enter(switching)
	}
}

// leveled says that a message ends the catching up.
func (p *callProgress) leveled(message string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	level := p.level.heard(message) // also when held back, by whoever holds
	return level && p.now == catchingUp
}

// first is the node among some that was heard to have caught up first, and how often
// it was; "" when none of them was.
func (p *callProgress) first(nodes []string) (node string, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.level {
		if slices.Contains(nodes, n.node) {
			return n.node, n.times
		}
	}
	return "", 0
}

// hold tells for whom the switch-over is held back since a moment.
func (p *callProgress) hold(since time.Time, writers []event.Holder) {
	p.enter(holding)
	waited := event.Duration(time.Since(since))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holders = writers
	for i := range p.holders {
		p.holders[i].Waiting = waited
	}
}

// watch looks and tells until ctx is over. Nothing is asked before the first
// second has passed: most calls end within it.
func (p *callProgress) watch(ctx context.Context, w *callWatch) {
	defer w.close(context.WithoutCancel(ctx))
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	warned := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := p.look(ctx, w)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !warned && !passing(err) {
			warned = true
			_ = p.env.Emit(event.Warning{Step: p.env.Step(), Text: "the progress is not seen in full: " + err.Error()})
		}
		p.tell()
	}
}

// passing says that a later sample may well succeed: a server under load, or a
// lock on the catalog.
func passing(err error) bool {
	var pg *postgres.Error
	return errors.As(err, &pg) && (pg.SQLSTATE == "57014" || pg.SQLSTATE == "55P03")
}

// look takes the samples that are due. Each is worth having without the others.
func (p *callProgress) look(ctx context.Context, w *callWatch) error {
	if err := w.connect(ctx); err != nil {
		return err
	}
	var errs []error
	phase, age := p.phaseNow()
	if w.due("waits") && phase != holding { // then it is known whom it waits for
		errs = append(errs, p.lookForWaits(ctx, w))
	}
	if phase == copying && age >= tellEvery/2 && w.citus && w.due("copies") { // before that there is none
		errs = append(errs, p.lookForCopies(ctx, w))
	}
	if phase == catchingUp && w.due("lag") {
		errs = append(errs, p.lookForLag(ctx, w))
	}
	return errors.Join(errs...)
}

func (p *callProgress) lookForWaits(ctx context.Context, w *callWatch) error {
	holders, err := w.waits(ctx)
	if err != nil {
		return err
	}
	stands := len(holders) == 0 && p.still(time.Now()) >= stalled
	if stands && !w.due("waits elsewhere") {
		return err // who was seen there is there until it is looked again
	}
	if stands {
		holders, err = w.waitsElsewhere(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holders = holders
	return err
}

func (p *callProgress) lookForCopies(ctx context.Context, w *callWatch) error {
	if p.incoming != nil {
		return p.lookForFiles(ctx, w)
	}
	p.mu.Lock()
	total, table := p.fold.total, p.table
	p.mu.Unlock()
	if total == (copied{}) {
		var err error
		if total, err = w.source(ctx, table); err != nil {
			return err
		}
	}
	seen, err := w.copies(ctx)
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fold.total, p.looked = total, now
	if seen != nil && p.now == copying && p.fold.add(now, seen) {
		p.moved = now
	}
	return err
}

func (p *callProgress) lookForLag(ctx context.Context, w *callWatch) error {
	lag, err := w.lag(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.looked = now; lag < p.lag || p.lag == 0 {
		p.moved = now
	}
	p.lag = lag
	return nil
}

// still is for how long nothing has gone on, as far as was looked for it. Of
// phases that show nothing of themselves, that is their age.
func (p *callProgress) still(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.idle(now)
}

func (p *callProgress) idle(now time.Time) time.Duration {
	if p.now == copying || p.now == catchingUp {
		now = p.looked
	}
	return now.Sub(p.moved)
}

// tell gives a sign of life. A sink's error stops the run at its next step.
func (p *callProgress) tell() { _ = p.env.Emit(p.progress(time.Now())) }

// progress is what is known now.
func (p *callProgress) progress(now time.Time) event.Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := event.Progress{
		Step: p.env.Step(), Table: p.table, Phase: string(p.now),
		Elapsed: event.Duration(now.Sub(p.began)), PhaseElapsed: event.Duration(now.Sub(p.entered)),
	}
	if still := p.idle(now); still >= tellEvery {
		e.Still = event.Duration(still)
	}
	for _, h := range p.holders {
		if time.Duration(h.Waiting) >= tellEvery { // shorter waits are how a busy server works
			e.WaitingFor = append(e.WaitingFor, h)
		}
	}
	switch p.now {
	case copying:
		if !p.incoming.tell(&e) {
			p.fold.tell(&e, now)
		}
	case catchingUp:
		e.LagBytes = p.lag
	}
	return e
}

// tell writes what is known of the copying into a sign of life.
func (f *copyFold) tell(e *event.Progress, now time.Time) {
	done, total := f.done(), f.share()
	e.RowsDone, e.BytesDone, e.AtLeast = done.rows, done.bytes, f.ended
	e.RowsTotal, e.BytesTotal = total.rows, total.bytes
	if total.rows > 0 {
		e.Estimated = append(e.Estimated, "rows_total")
	}
	if total.bytes > 0 {
		e.Estimated = append(e.Estimated, "bytes_total")
	}
	e.RowsPerSecond, _ = f.pace()
	if left := f.remaining(now); left > 0 {
		e.Remaining, e.Estimated = event.Duration(left), append(e.Estimated, "remaining")
	}
}
