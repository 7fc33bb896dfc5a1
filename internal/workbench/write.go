package workbench

import (
	"context"

	"github.com/seed-d24fde5f/distill/internal/model"
)

// WriteGGUF writes all of m in one format, such as q4_0 or f32, whatever else ends meanwhile.
func WriteGGUF(path string, m *model.Model, format string) error {
	plan, err := model.NewPlan(m.Config, format, model.PlanOptions{})
	if err != nil {
		return err
	}
	return model.WriteGGUF(context.Background(), path, m, plan)
}
