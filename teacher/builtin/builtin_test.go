package builtin

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/local"
	"github.com/seed-d24fde5f/distill/teacher/teachertest"
)

func TestConformance(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			teachertest.Run(t, func(t *testing.T) teacher.Teacher {
				known, err := Open(name, local.Options{Slots: 8})
				if err != nil {
					t.Fatal(err)
				}
				return known
			})
		})
	}
}

func TestUnknownName(t *testing.T) {
	_, err := Open("no-such-model", local.Options{})
	var e *teacher.Error
	if !errors.As(err, &e) || e.Kind != teacher.Fatal || !strings.Contains(err.Error(), "no-such-model") {
		t.Fatalf("error %v", err)
	}
	for _, name := range Names() {
		if !strings.Contains(e.Hint, name) {
			t.Errorf("hint %q does not name %s", e.Hint, name)
		}
	}
}
