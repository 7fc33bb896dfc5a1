package watch

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-d24fde5f/distill/internal/progress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a board in the middle of training.
func running() (*Board, progress.Meter) {
	b := NewBoard(progress.Silent)
	b.Begin("sample", []string{"generate", "train", "export"})
	b.Stage("generate", "done")
	b.Stage("train", "running")
	log := slog.New(b.Tap(slog.DiscardHandler))
	log.Debug("attempt failed", "cause", "rate limit")
	log.Info("done", "stage", "generate", "loss", 0.12345678901234567)
	g := b.Start("generate", "rows", 50, 10)
	g.Add(40)
	g.(progress.Gauge).Measure(0, "cost_usd", 0.0123)
	g.Stop()
	m := b.Start("train", "steps", 1000, 0)
	for i := 1; i <= 400; i++ {
		m.Add(1)
		m.(progress.Gauge).Measure(i, "loss", 4/(1+float64(i)/60))
		if i%50 == 0 {
			m.(progress.Gauge).Measure(i, "heldout_loss", 4.2/(1+float64(i)/60))
		}
	}
	m.Note("loss 0.5217")
	return b, m
}

// serve serves a board until stop is called.
func serve(t *testing.T, b *Board) (address string, stop func()) {
	t.Helper()
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- b.Serve(ctx, l) }()
	return "http://" + l.Addr().String(), func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

// TestEvents follows a run over HTTP to its end, which is the last event before the stream closes.
func TestEvents(t *testing.T) {
	b, m := running()
	address, stop := serve(t, b)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	response, err := client.Get(address + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	next := func() (s State, ok bool) {
		for lines.Scan() {
			if data, found := strings.CutPrefix(lines.Text(), "data: "); found {
				if err := json.Unmarshal([]byte(data), &s); err != nil {
					t.Fatal(err)
				}
				return s, true
			}
		}
		return s, false
	}
	s, ok := next()
	if !ok || s.Name != "sample" || s.Stages[1] != (Stage{"train", "running"}) || len(s.Works) != 2 {
		t.Fatalf("first event %+v", s)
	}
	if w := s.Works[1]; w.Done != 400 || len(w.Curves["loss"]) != 400 || len(w.Curves["heldout_loss"]) != 8 || w.PerSecond == 0 || w.Left == "" && w.Note == "" {
		t.Errorf("training is %+v", w)
	}
	if c := s.Works[0].CostUSD; c == nil || *c != 0.0123 || !s.Works[0].Ended {
		t.Errorf("generation is %+v", s.Works[0])
	}
	if s.Retries != "1 retried (rate limit)" || len(s.Lines) != 1 || !strings.HasSuffix(s.Lines[0], "done  stage generate  loss 0.1235") {
		t.Errorf("retries %q, lines %q", s.Retries, s.Lines)
	}
	m.Add(100)
	if s, ok = next(); !ok || s.Works[1].Done != 500 {
		t.Errorf("after more steps: %+v", s.Works)
	}
	b.Finish(errors.New("interrupted\ncontinue with: distill run"))
	stop()
	for more, ok := next(); ok; more, ok = next() {
		s = more
	}
	if s.Outcome != "interrupted" || s.Stages[1].State != "failed" {
		t.Errorf("at the end: outcome %q, stages %v", s.Outcome, s.Stages)
	}
}

func TestOnlyThisMachine(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80", "nonsense"} {
		if l, err := Listen(addr); err == nil {
			l.Close()
			t.Errorf("%s was listened at", addr)
		}
	}
	b, _ := running()
	address, stop := serve(t, b)
	defer stop()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/events", nil)
	request.Host = "rebound.example"
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("another host's name: %s", response.Status)
	}
}

func TestLine(t *testing.T) {
	b, _ := running()
	line := b.Line()
	for _, want := range []string{"sample, train", "train 400/1000 steps", "steps/s", "loss 0.5217", "1 retried (rate limit)"} {
		if !strings.Contains(line, want) {
			t.Errorf("%q does not say %q", line, want)
		}
	}
	if strings.Contains(line, "\n") {
		t.Errorf("%q is not one line", line)
	}
}

func TestSparkline(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   string
	}{{nil, ""}, {[]float64{1, 1}, "▁▁"}, {[]float64{4, 3, 2, 1, 0}, "▇▅▃▂▁"}} {
		if got := Sparkline(c.values); got != c.want {
			t.Errorf("%v: %q, want %q", c.values, got, c.want)
		}
	}
}

// TestCurve: a long run keeps its first point and its shape in bounded memory, and a return to a checkpoint leaves no loop.
func TestCurve(t *testing.T) {
	c := &curve{every: 1}
	for i := range 100_000 {
		c.add(Point{i, float64(i)})
	}
	if len(c.points) > maxPoints || len(c.points) < maxPoints/4 || c.points[0].Step != 0 || len(c.recent) != recentPoints {
		t.Errorf("%d points from %v, %d recent", len(c.points), c.points[0], len(c.recent))
	}
	c.add(Point{50_000, 0})
	for i := range c.points[1:] {
		if c.points[i].Step >= c.points[i+1].Step {
			t.Fatalf("steps %d, %d", c.points[i].Step, c.points[i+1].Step)
		}
	}
}

func TestShort(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { return Short(a) }}))
	log.Info("x", "a", 0.12345678901234567, "b", 123456.0, "c", 7, "d", "0.123456")
	if want := "a=0.1235 b=123500 c=7 d=0.123456\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// TestPageInChromium opens the page as a person would and reads what it shows.
func TestPageInChromium(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is absent: the page was not opened in a browser")
	}
	b, _ := running()
	address, stop := serve(t, b)
	defer stop()
	profile, err := os.MkdirTemp("", "distill-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(profile) }) // not t.TempDir: a straggler of the browser may still be writing there
	args := []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir=" + profile, "--dump-dom"}
	if picture := os.Getenv("WATCH_PICTURE"); picture != "" {
		args = append(args, "--window-size=900,1000", "--screenshot="+picture)
	}
	wanted := []string{`class="running"`, "400 of 1000 steps", `aria-valuenow="400"`, `<polyline`, "loss in nats a token", "$0.0123", "1 retried (rate limit)"}
	var out, missing []byte
	for _, patience := range []time.Duration{3 * time.Second, 15 * time.Second, time.Minute} { // a busy machine needs longer to draw
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		out, err = exec.CommandContext(ctx, browser, append(args, fmt.Sprintf("--timeout=%d", patience.Milliseconds()), address)...).Output()
		if err != nil {
			t.Fatalf("chromium: %v", err)
		}
		missing = nil
		for _, want := range wanted {
			if !bytes.Contains(out, []byte(want)) {
				missing = fmt.Appendf(missing, "the browser does not show %q\n", want)
			}
		}
		if missing == nil {
			return
		}
	}
	t.Errorf("%s%s", missing, out[:min(len(out), 400)])
}
