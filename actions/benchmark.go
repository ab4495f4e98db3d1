package actions

import (
	"context"
	"fmt"
	"sync"
	"time"

	"runbook/engine"
	"runbook/engine/event"
	"runbook/engine/postgres"
	"runbook/engine/stats"
)

// Benchmark times queries, and compares them with earlier stages. Each query is
// run several times, in turns with the others, so that a drift of the machine
// hits all alike. What the same queries took at several stages is shown side by
// side, with a confidence interval and a test: one timing is never a verdict.
//
// A query whose values are drawn by `args` gets new ones at every execution and
// stays one statement for the server; `${…}` is evaluated once a step.
//
//	queries:
//	  products_by_store:
//	    title: List products by store
//	    sql: SELECT product_id, name FROM products WHERE store_id = $1
//	    args: ["random(1, 1000)"]
//	  top_stores: SELECT store_id, sum(line_amount) FROM line_items GROUP BY 1 ORDER BY 2 DESC LIMIT 10
//	steps:
//	  - benchmark:
//	      stage: before
//	      queries: [products_by_store, top_stores]
//	      samples: 20
//	      warmup: 2
//	    register: before
//	  - sql: CREATE INDEX CONCURRENTLY ON products (store_id)
//	  - benchmark: {stage: after, queries: [products_by_store, top_stores], samples: 20}
//	    register: after
//	  - assert: compare(after, before).products_by_store.verdict != 'slower'
type Benchmark struct {
	// What this measuring point is called, such as before. Later stages of a query
	// are compared with its first.
	Stage string `arg:"required,label"`
	// What is timed: names of `queries`, SQL in place, or `{title, sql, args}`.
	Queries []engine.Query `arg:"required"`
	// How often each query is timed, by each client.
	Samples int `default:"10"`
	// Stops taking samples after this time, if min_samples are taken. With order
	// sequential it is the time of each query.
	For time.Duration
	// How many samples are taken even when `for` is over; fewer than 6 have no
	// confidence interval, fewer than 4 no verdict.
	MinSamples int `default:"6"`
	// How often each query is run before it is timed, to open connections and fill
	// caches.
	Warmup int `default:"1"`
	// How many connections run the queries at the same time, each taking all
	// samples.
	Clients int `default:"1"`
	// Whether the queries take turns, or each is done before the next begins.
	Order string `enum:"interleaved|sequential" default:"interleaved"`
	// How statements are sent, as pgbench calls it: extended and simple plan at
	// every execution, prepared lets the server keep the plan. simple carries no
	// args.
	Protocol string `enum:"extended|prepared|simple" default:"extended"`
}

// BenchmarkResult is the figures of one stage.
type BenchmarkResult struct {
	// What the stage is called.
	Stage string `expr:"stage" json:"stage"`
	// The figures, by query name.
	Queries map[string]QueryFigures `expr:"queries" json:"queries"`
	// The query names in their order.
	Names []string `expr:"names" json:"names"`
	// How long all of it took.
	Duration time.Duration `expr:"duration" json:"duration_ns"`
}

// QueryFigures are the latencies of one query at one stage.
type QueryFigures struct {
	// What a report calls the query.
	Title string `expr:"title" json:"title"`
	// How many executions were timed.
	N int `expr:"n" json:"n"`
	// Half of the executions took no longer.
	Median time.Duration `expr:"median" json:"median_ns"`
	// Lower bound of the median's 95 % confidence interval.
	Low time.Duration `expr:"low" json:"low_ns"`
	// Upper bound of it.
	High time.Duration `expr:"high" json:"high_ns"`
	// The average.
	Mean time.Duration `expr:"mean" json:"mean_ns"`
	// The fastest execution.
	Min time.Duration `expr:"min" json:"min_ns"`
	// The slowest.
	Max time.Duration `expr:"max" json:"max_ns"`
	// 95 of 100 executions took no longer.
	P95 time.Duration `expr:"p95" json:"p95_ns"`
	// 99 of 100.
	P99 time.Duration `expr:"p99" json:"p99_ns"`
	// Rows that the last execution returned.
	Rows int64 `expr:"rows" json:"rows"`
	// Executions a second, all clients together.
	TPS float64 `expr:"tps" json:"tps"`
	// Every latency, in the order of the executions.
	Samples []time.Duration `expr:"samples" json:"samples_ns"`
}

// QueryChange is how a query differs between two stages; `compare(after,
// before)` gives one for each query.
type QueryChange struct {
	// Median after, divided by the median before.
	Ratio float64 `expr:"ratio" json:"ratio"`
	// Lower bound of the ratio's 95 % confidence interval.
	Low float64 `expr:"low" json:"low"`
	// Upper bound of it.
	High float64 `expr:"high" json:"high"`
	// Probability of a difference like this between equal queries (Mann–Whitney).
	PValue float64 `expr:"p_value" json:"p_value"`
	// faster, slower, same, or unknown when the evidence does not suffice.
	Verdict string `expr:"verdict" json:"verdict"`
}

var _ engine.Checker = (*Benchmark)(nil)

// Check looks at the numbers and at what a protocol can carry.
func (b *Benchmark) Check(at *engine.Places) {
	for _, n := range []struct {
		field        string
		value, least int
	}{{"samples", b.Samples, 1}, {"min_samples", b.MinSamples, 1}, {"warmup", b.Warmup, 0}, {"clients", b.Clients, 1}} {
		if n.value < n.least {
			at.Problem(n.field, "schema/type", fmt.Sprintf("%s is at least %d", n.field, n.least), "")
		}
	}
	if at.Has("queries") && len(b.Queries) == 0 {
		at.Problem("queries", "benchmark/empty", "there is no query to time", "")
	}
	seen := map[string]bool{}
	for _, q := range b.Queries {
		if q.Name != "" && seen[q.Name] {
			at.Problem("queries", "benchmark/twice", fmt.Sprintf("query %q is in the list twice", q.Name), "name it once, and take more samples")
		}
		seen[q.Name] = true
		if len(q.Args) > 0 && b.Protocol == "simple" {
			at.Problem("protocol", "benchmark/args", fmt.Sprintf("query %q has args, which the simple protocol cannot carry", q.Name), "use extended or prepared")
		}
		if n := len(q.SQL.Statements()); n > 1 {
			at.Problem("queries", "benchmark/statements", fmt.Sprintf("query %q is %d statements; a benchmark times one", q.Name, n), "make a query of each")
		}
	}
}

// Changes says whether a query may change anything.
func (b *Benchmark) Changes() bool {
	for _, q := range b.Queries {
		if q.SQL.Changes() {
			return true
		}
	}
	return false
}

// Run takes the samples and shows them beside earlier stages.
func (b *Benchmark) Run(ctx context.Context, env *engine.Env) (BenchmarkResult, error) {
	began := time.Now()
	mode, err := postgres.ParseMode(b.Protocol)
	if err != nil {
		return BenchmarkResult{}, err
	}
	clients := make([]*benchClient, b.Clients)
	for i := range clients {
		session, err := b.session(ctx, env, i)
		if err != nil {
			return BenchmarkResult{}, err
		}
		clients[i] = &benchClient{bench: b, session: session, mode: mode, samples: make([]stats.Sample, len(b.Queries)), rows: make([]int64, len(b.Queries))}
	}
	if err := runClients(ctx, clients); err != nil {
		return BenchmarkResult{}, err
	}
	r := b.figures(clients)
	r.Duration = time.Since(began)
	return r, env.Emit(measured(env.Step(), append(engine.Earlier[BenchmarkResult](env), r)))
}

// session is the step's own for a single client, and one beside it for each of
// several.
func (b *Benchmark) session(ctx context.Context, env *engine.Env, i int) (*postgres.Session, error) {
	if b.Clients == 1 {
		return env.Quiet(ctx)
	}
	return env.Side(ctx, fmt.Sprintf("client-%d", i+1))
}

// benchClient is one session with the samples it took.
type benchClient struct {
	bench   *Benchmark
	session *postgres.Session
	mode    postgres.Mode
	samples []stats.Sample // by query
	rows    []int64
}

func runClients(ctx context.Context, clients []*benchClient) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	errs := make([]error, len(clients))
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			if errs[i] = c.run(ctx); errs[i] != nil {
				cancel(errs[i])
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *benchClient) run(ctx context.Context) error {
	if c.bench.Order == "sequential" {
		for q := range c.bench.Queries {
			if err := c.rounds(ctx, q, q+1); err != nil {
				return err
			}
		}
		return nil
	}
	return c.rounds(ctx, 0, len(c.bench.Queries))
}

// rounds warms queries from low to below high up and samples them in turns.
func (c *benchClient) rounds(ctx context.Context, low, high int) error {
	for range c.bench.Warmup {
		for q := low; q < high; q++ {
			if _, err := c.execute(ctx, q); err != nil {
				return err
			}
		}
	}
	began := time.Now()
	for n := 0; c.more(n, began); n++ {
		for q := low; q < high; q++ {
			took, err := c.execute(ctx, q)
			if err != nil {
				return err
			}
			c.samples[q] = append(c.samples[q], took)
		}
	}
	return nil
}

// more says whether another sample is due after n.
func (c *benchClient) more(n int, began time.Time) bool {
	b := c.bench
	if n >= b.Samples {
		return false
	}
	return n < b.MinSamples || b.For == 0 || time.Since(began) < b.For
}

func (c *benchClient) execute(ctx context.Context, q int) (time.Duration, error) {
	query := c.bench.Queries[q]
	args, err := evaluate(query.Args)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	c.rows[q], err = c.session.Drain(ctx, c.mode, query.SQL.Text, args...)
	took := time.Since(began)
	if err != nil {
		return 0, &engine.StatementError{Statement: query.SQL.Statement(), Connection: "main", Err: err}
	}
	return took, nil
}

// figures joins the clients' samples.
func (b *Benchmark) figures(clients []*benchClient) BenchmarkResult {
	r := BenchmarkResult{Stage: b.Stage, Queries: map[string]QueryFigures{}}
	for i, q := range b.Queries {
		var all stats.Sample
		var tps float64
		for _, c := range clients {
			all = append(all, c.samples[i]...)
			var sum time.Duration
			for _, d := range c.samples[i] {
				sum += d
			}
			if sum > 0 {
				tps += float64(len(c.samples[i])) / sum.Seconds()
			}
		}
		s := stats.Summarize(all)
		r.Names = append(r.Names, q.Name)
		r.Queries[q.Name] = QueryFigures{
			Title: q.Title, N: s.N, Median: s.Median, Low: s.Low, High: s.High, Mean: s.Mean, Min: s.Min, Max: s.Max,
			P95: s.P95, P99: s.P99, Rows: clients[0].rows[i], TPS: tps, Samples: all,
		}
	}
	return r
}

// CompareWith is compare(after, before) in expressions. Queries that only one
// of the two has are left out.
func (r BenchmarkResult) CompareWith(before BenchmarkResult) map[string]QueryChange {
	out := map[string]QueryChange{}
	for name, q := range r.Queries {
		if old, ok := before.Queries[name]; ok {
			out[name] = change(q, old)
		}
	}
	return out
}

func change(after, before QueryFigures) QueryChange {
	c := stats.Compare(after.Samples, before.Samples)
	return QueryChange{Ratio: c.Ratio, Low: c.Low, High: c.High, PValue: c.PValue, Verdict: string(c.Verdict)}
}

// measured lays the last stage out beside the earlier ones that have a query of
// it.
func measured(step string, stages []BenchmarkResult) event.Measured {
	now := stages[len(stages)-1]
	m := event.Measured{Step: step}
	var shown []BenchmarkResult
	for _, s := range stages {
		for _, name := range now.Names {
			if _, ok := s.Queries[name]; ok {
				shown = append(shown, s)
				m.Stages = append(m.Stages, s.Stage)
				break
			}
		}
	}
	for _, name := range now.Names {
		row := event.MeasuredQuery{Query: name, Title: now.Queries[name].Title}
		var first *QueryFigures
		for _, s := range shown {
			q, ok := s.Queries[name]
			cell := event.MeasuredCell{N: q.N, Median: event.Duration(q.Median), Low: event.Duration(q.Low), High: event.Duration(q.High)}
			if ok && first != nil {
				c := change(q, *first)
				cell.Ratio, cell.PValue, cell.Verdict = c.Ratio, c.PValue, c.Verdict
			} else if ok {
				first = &q
			}
			row.Cells = append(row.Cells, cell)
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}

// Summary says how much was measured.
func (r BenchmarkResult) Summary() string {
	n := 0
	for _, q := range r.Queries {
		n = max(n, q.N)
	}
	return fmt.Sprintf("%s, %s each", queriesText(len(r.Queries)), count(int64(n), "sample"))
}
