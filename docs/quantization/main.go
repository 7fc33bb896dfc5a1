// Command quantization makes docs/quantization.md: what each number format costs and keeps, on a real model.
//
//	go run ./docs/quantization [-model MODEL] [-text FILE] [-oracle PROGRAM]
//	go run ./docs/quantization -against FOLDER [-threads N] FILE.gguf…
//
// The second form prints how fast this program and llama.cpp run the same files, in turn: FOLDER is where shared/oracle's
// setup.sh put llama.cpp's libraries.
//
// The model's weights are decoded to float32 and quantized to every format, purely (the same format for every matrix) and
// in the mixes. The program measures the error of the weights, the divergence of the predictions over a text, the speed of
// encoding and of decoding tokens. With the oracle of shared/oracle, llama.cpp's own quantizer does the same beside it.
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/chat"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/problem"
	"github.com/seed-d24fde5f/distill/internal/progress"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

// fileType is one row of the table: a format by its name, and llama.cpp's number for it.
type fileType struct {
	name  string
	ftype int // enum llama_ftype
	pure  bool
}

var fileTypes = []fileType{
	{"F16", 1, true}, {"BF16", 32, true}, {"Q8_0", 7, true}, {"Q6_K", 18, true}, {"Q5_K_M", 17, false}, {"Q5_1", 9, true},
	{"Q5_0", 8, true}, {"Q4_K_M", 15, false}, {"Q4_K_S", 14, false}, {"Q4_1", 3, true}, {"Q4_0", 2, true},
	{"Q3_K_M", 12, false}, {"Q2_K", 10, true},
}

// bench is what every row is measured with.
type bench struct {
	dir, source, oracle string
	float               *model.Model
	tokens              []distill.Token
}

func main() {
	name := flag.String("model", "builtin:reasoner", "GGUF file, Hugging Face folder or built-in model")
	text := flag.String("text", "", "text to predict; without it, the built-in model's own word problems")
	oracle := flag.String("oracle", "", "llama_oracle program, for llama.cpp's errors beside ours")
	against := flag.String("against", "", "folder of llama.cpp's libraries: print how fast both run the files given")
	threads := flag.Int("threads", 1, "threads with -against")
	ours := flag.String("ours", "", "GGUF file: print only how fast this program runs it")
	flag.Parse()
	var err error
	switch {
	case *ours != "":
		err = printOurs(*ours, *threads)
	case *against != "":
		err = runSpeed(*against, *threads, flag.Args())
	default:
		err = run(*name, *text, *oracle)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "quantization:", err)
		os.Exit(1)
	}
}

func run(name, text, oracle string) error {
	b := &bench{oracle: oracle}
	var err error
	if b.dir, err = os.MkdirTemp("", "quantization-*"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	m, err := workbench.Open(name)
	if err != nil {
		return err
	}
	defer m.Close()
	b.source = filepath.Join(b.dir, "f32.gguf")
	if err := b.encode(m, fileType{name: "F32", pure: true}, b.source); err != nil {
		return err
	}
	if b.float, err = model.Open(b.source); err != nil {
		return err
	}
	defer b.float.Close()
	if b.tokens, err = words(m, text); err != nil {
		return err
	}
	var page strings.Builder
	fmt.Fprintf(&page, introduction, name, len(b.tokens))
	for _, t := range fileTypes {
		row, err := b.row(t)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		fmt.Fprintln(os.Stderr, row)
		page.WriteString(row + "\n")
	}
	page.WriteString(notes)
	return os.WriteFile(filepath.Join("docs", "quantization.md"), []byte(page.String()), 0o644)
}

// words returns the tokens that are predicted: those of a text, or of solved word problems.
func words(m *model.Model, text string) ([]distill.Token, error) {
	if text != "" {
		data, err := os.ReadFile(text)
		if err != nil {
			return nil, err
		}
		return m.Tokenizer.Encode(string(data), false), nil
	}
	format, err := chat.New(m.Tokenizer, m.Template)
	if err != nil {
		return nil, err
	}
	problems, err := problem.Generate(600, problem.Options{Seed: 77, Split: distill.Heldout})
	if err != nil {
		return nil, err
	}
	var tokens []distill.Token
	for _, p := range problems {
		ids, _, err := format.Example([]distill.Message{{Role: distill.RoleUser, Content: p.Question}}, p.Reasoning, p.Answer)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, ids...)
	}
	return tokens, nil
}

func (b *bench) encode(m *model.Model, t fileType, path string) error {
	plan, err := model.NewPlan(m.Config, t.name, model.PlanOptions{Pure: t.pure})
	if err != nil {
		return err
	}
	return model.WriteGGUF(path, m, plan)
}

// row measures one format.
func (b *bench) row(t fileType) (string, error) {
	path := filepath.Join(b.dir, t.name+".gguf")
	took := time.Duration(math.MaxInt64)
	for range 3 {
		start := time.Now()
		if err := b.encode(b.float, t, path); err != nil {
			return "", err
		}
		took = min(took, time.Since(start))
	}
	ours, err := b.rms(path)
	if err != nil {
		return "", err
	}
	theirs := math.NaN()
	if b.oracle != "" {
		other := filepath.Join(b.dir, t.name+"-llama.gguf")
		pure := map[bool]string{true: "1", false: "0"}[t.pure]
		if out, err := exec.Command(b.oracle, "quantize", b.source, other, fmt.Sprint(t.ftype), pure).CombinedOutput(); err != nil {
			return "", fmt.Errorf("llama-quantize: %w\n%s", err, out)
		}
		if theirs, err = b.rms(other); err != nil {
			return "", err
		}
	}
	diff, err := b.diff(path)
	if err != nil {
		return "", err
	}
	speed, err := workbench.MeasureSpeed(context.Background(), path, workbench.SpeedOptions{})
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	floats := float64(b.float.Config.Params()) * 4 / 1e6
	return fmt.Sprintf("| %s | %.2f | %.3g | %s | %.5f | %.2f %% | %.0f | %.0f | %.0f |", t.name,
		float64(info.Size())*8/float64(b.float.Config.Params()), 100*ours, percent(theirs), diff.MeanKL, 100*diff.TopOneAgreement,
		floats/took.Seconds(), speed.PrefillTokensPerS, speed.DecodeTokensPerS), nil
}

// rms returns the root mean square error of a file's matrices relative to the root mean square of the float weights.
func (b *bench) rms(path string) (float64, error) {
	m, err := model.Open(path)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	var squares, total float64
	for _, s := range b.float.Config.Specs() {
		if len(s.Shape) < 2 {
			continue
		}
		want, err := b.float.Float32(s.Name)
		if err != nil {
			return 0, err
		}
		got, err := m.Float32(s.Name)
		if err != nil {
			return 0, err
		}
		for i, w := range want {
			d := float64(got[i] - w)
			squares, total = squares+d*d, total+float64(w)*float64(w)
		}
	}
	return math.Sqrt(squares / total), nil
}

func (b *bench) diff(path string) (workbench.Difference, error) {
	m, err := model.Open(path)
	if err != nil {
		return workbench.Difference{}, err
	}
	defer m.Close()
	float, err := infer.New(b.float, infer.Options{})
	if err != nil {
		return workbench.Difference{}, err
	}
	defer float.Close()
	small, err := infer.New(m, infer.Options{})
	if err != nil {
		return workbench.Difference{}, err
	}
	defer small.Close()
	return workbench.Diff(context.Background(), float, small, b.tokens, 512, 0, progress.Silent)
}

func percent(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return fmt.Sprintf("%.3g", 100*v)
}

const introduction = `# What quantization costs

Every format on %s, its weights decoded to float32 first, predicting %d tokens (the second half of windows of 512,
questions and answers alike). Made by ` + "`go run ./docs/quantization`" + `; with
` + "`-oracle`" + ` llama.cpp's own quantizer stands beside it.

| format | bits a weight, whole file | RMS error %% | llama.cpp's | KL, nats a token | top-1 agreement | encoding, MB of f32/s | prefill, tokens/s | decode, tokens/s |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
`

const notes = `
The error is that of all matrices together, relative to the root mean square of the weights. Bits a weight count the whole
file: metadata and tokenizer weigh more in a small model than in a large one. K-quants need rows of a multiple of 256;
` + "`distill model quantize --dry-run`" + ` shows, tensor by tensor, what a format becomes for a given shape, and ` + "`--strict`" + ` refuses
any substitution. Running a model takes more memory than its file for K-quants, whose scales are kept as float32: Q4_K about
6 bits a weight, Q5_K, Q6_K and Q3_K 10, Q2_K 12. [kernels.md](kernels.md#quantized-products) has the speeds beside
llama.cpp's. Speeds are those of the machine it was made on, with all threads; compare rows, not machines.
`
