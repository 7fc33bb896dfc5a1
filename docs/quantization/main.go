// Command quantization makes docs/quantization.md: what each number format costs and keeps, on a real model.
//
//	go run ./docs/quantization [-model MODEL] [-text FILE] [-against FOLDER]
//	go run ./docs/quantization -encoders [-threads N] [-against FOLDER]
//	go run ./docs/quantization -against FOLDER [-threads N] FILE.gguf…
//
// The second form prints only the table of the encoders. The third prints how fast this program and llama.cpp run the same
// files, in turn. FOLDER is where shared/oracle's setup.sh put llama.cpp's libraries, which then do everything beside us.
//
// The model's weights are decoded to float32 and quantized to every format, purely (the same format for every matrix) and
// in the mixes. The program measures the error of the weights, the divergence of the predictions over a text, the speed of
// running; and, on random weights, errors and speed of the encoders with and without an importance.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

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
	dir, source string
	encoders    *encoders
	float       *model.Model
	tokens      []distill.Token
}

func main() {
	name := flag.String("model", "builtin:reasoner", "GGUF file, Hugging Face folder or built-in model")
	text := flag.String("text", "", "text to predict; without it, the built-in model's own word problems")
	against := flag.String("against", "", "folder of llama.cpp's libraries, which do the same beside us")
	threads := flag.Int("threads", runtime.NumCPU(), "threads")
	onlyEncoders := flag.Bool("encoders", false, "print only the table of the encoders")
	ours := flag.String("ours", "", "GGUF file: print only how fast this program runs it")
	flag.Parse()
	var err error
	switch {
	case *ours != "":
		err = printOurs(*ours, *threads)
	case flag.NArg() > 0 && *against == "":
		err = errors.New("files are timed beside llama.cpp: name its libraries' folder, -against FOLDER")
	case flag.NArg() > 0:
		err = runSpeed(*against, *threads, flag.Args())
	case *onlyEncoders:
		err = runEncoders(*against, *threads)
	default:
		err = run(*name, *text, *against, *threads)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "quantization:", err)
		os.Exit(1)
	}
}

// runEncoders prints the table of the encoders.
func runEncoders(against string, threads int) error {
	dir, err := os.MkdirTemp("", "quantization-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	e, err := newEncoders(dir, against, threads, encoderShape)
	if err != nil {
		return err
	}
	table, err := e.table()
	fmt.Print(table)
	return err
}

func run(name, text, against string, threads int) error {
	b := new(bench)
	var err error
	if b.dir, err = os.MkdirTemp("", "quantization-*"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.encoders, err = newEncoders(b.dir, against, threads, encoderShape); err != nil {
		return err
	}
	m, err := workbench.Open(name)
	if err != nil {
		return err
	}
	defer m.Close()
	b.source = filepath.Join(b.dir, "f32.gguf")
	if _, err := b.encoders.encode(fileType{name: "F32", pure: true}, b.source, nil, m); err != nil {
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
	table, err := b.encoders.table()
	if err != nil {
		return err
	}
	page.WriteString(table)
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

// row measures one format.
func (b *bench) row(t fileType) (string, error) {
	path := filepath.Join(b.dir, t.name+".gguf")
	if _, err := b.encoders.encode(t, path, nil, b.float); err != nil {
		return "", err
	}
	ours, err := relativeError(b.float, path, nil)
	if err != nil {
		return "", err
	}
	theirs, err := b.llamaError(t)
	if err != nil {
		return "", err
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
	return fmt.Sprintf("| %s | %.2f | %.3g | %s | %.5f | %.2f %% | %.0f | %.0f |", t.name,
		float64(info.Size())*8/float64(b.float.Config.Params()), 100*ours, theirs, diff.MeanKL, 100*diff.TopOneAgreement,
		speed.PrefillTokensPerS, speed.DecodeTokensPerS), nil
}

// llamaError returns, in percent, the error that llama.cpp's quantizer leaves; "" without its library.
func (b *bench) llamaError(t fileType) (string, error) {
	e := b.encoders
	if e.program == "" {
		return "", nil
	}
	path := filepath.Join(b.dir, t.name+"-llama.gguf")
	pure := map[bool]string{true: "1", false: "0"}[t.pure]
	var seconds float64
	if err := e.library.ask(e.program, e.library.libraries, []string{b.source, path, fmt.Sprint(t.ftype), pure, "1"}, &seconds); err != nil {
		return "", err
	}
	v, err := relativeError(b.float, path, nil)
	return fmt.Sprintf("%.3g", 100*v), err
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

const introduction = `# What quantization costs

Every format on %s, its weights decoded to float32 first, predicting %d tokens (the second half of windows of 512,
questions and answers alike). Made by ` + "`go run ./docs/quantization`" + `; with
` + "`-against FOLDER`" + ` llama.cpp's own quantizer stands beside it.

| format | bits a weight, whole file | RMS error %% | llama.cpp's | KL, nats a token | top-1 agreement | prefill, tokens/s | decode, tokens/s |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
`

const notes = `
The error is that of all matrices together, relative to the root mean square of the weights. Bits a weight count the whole
file: metadata and tokenizer weigh more in a small model than in a large one. K-quants need rows of a multiple of 256;
` + "`distill model quantize --dry-run`" + ` shows, tensor by tensor, what a format becomes for a given shape, and ` + "`--strict`" + ` refuses
any substitution. A running model keeps the bits of its file, rearranged; Q3_K, Q4_K and Q5_K take 1/8 of a bit a weight
more, Q2_K 1/2, as their scales lie in whole bytes. [kernels.md](kernels.md#quantized-products) has the speeds beside
llama.cpp's. Q4_1 and Q5_1 may choose another token than llama.cpp where two are within its rounding of each other: it keeps
the sums of activations that meet the minima as float16. Speeds are those of the machine it was made on, with all threads; compare rows, not machines.
`
