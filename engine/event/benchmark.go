package event

// Measured is a benchmark's stage, with the earlier stages of the same queries
// beside it, oldest first, so that a table can be printed at once.
type Measured struct {
	Step   Step            `json:"step"`
	Stages []string        `json:"stages"`
	Rows   []MeasuredQuery `json:"rows"`
}

// MeasuredQuery is one query over the stages of a Measured, in their order.
type MeasuredQuery struct {
	Query string         `json:"query"`
	Title string         `json:"title"`
	Cells []MeasuredCell `json:"cells"`
}

// MeasuredCell is one query at one stage. Ratio, PValue and Verdict compare it
// with the first stage and are empty there.
type MeasuredCell struct {
	N       int      `json:"n"`
	Median  Duration `json:"median"`
	Low     Duration `json:"low"` // bounds of the median's 95 % confidence interval
	High    Duration `json:"high"`
	Ratio   float64  `json:"ratio,omitempty"`
	PValue  float64  `json:"p_value,omitempty"`
	Verdict string   `json:"verdict,omitempty"` // faster, slower, same, unknown
}
