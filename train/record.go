package train

import "github.com/seed-d24fde5f/distill/train/metric"

// Record returns what a step did as metrics. Names under heldout/ are of the evaluation, if the step had one.
func Record(p Progress) []metric.Value {
	values := []metric.Value{
		{Name: "loss", Value: p.Loss}, {Name: "cross_entropy", Value: p.CrossEntropy}, {Name: "divergence", Value: p.Divergence},
		{Name: "accuracy", Value: p.Accuracy}, {Name: "rate", Value: p.Rate}, {Name: "grad_norm", Value: p.GradNorm},
		{Name: "tokens", Value: float64(p.Tokens)}, {Name: "tokens_per_s", Value: p.PerSecond},
	}
	if p.Hidden != 0 {
		values = append(values, metric.Value{Name: "hidden", Value: p.Hidden})
	}
	if p.Apart > 0 {
		values = append(values, metric.Value{Name: "apart", Value: p.Apart}, metric.Value{Name: "apart_divergence", Value: p.ApartDivergence})
	}
	if p.Skipped != "" {
		values = append(values, metric.Value{Name: "skipped", Value: 1})
	}
	if e := p.Heldout; e != nil {
		values = append(values, metric.Value{Name: "heldout/loss", Value: e.Loss}, metric.Value{Name: "heldout/cross_entropy", Value: e.CrossEntropy},
			metric.Value{Name: "heldout/divergence", Value: e.Divergence}, metric.Value{Name: "heldout/accuracy", Value: e.Accuracy})
	}
	return values
}

// openMetrics opens the files of metrics to go on from the present step.
func (r *run) openMetrics() (err error) {
	r.closeMetrics()
	if r.Metrics != "" {
		r.metrics, err = metric.Open(r.Metrics, r.Step)
	}
	r.reported = r.Step
	return err
}

func (r *run) closeMetrics() {
	if r.metrics != nil {
		r.metrics.Close() // every line has been written
		r.metrics = nil
	}
}

// report tells those who watch what a step did.
func (r *run) report(p Progress) error {
	if r.metrics != nil && p.Step > r.reported { // not a step that was skipped on the way back
		r.reported = p.Step
		if err := r.metrics.Write(p.Step, Record(p)); err != nil {
			return err
		}
	}
	if r.Observe != nil {
		r.Observe(p)
	}
	return nil
}
