package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/seed-d24fde5f/distill/internal/model"
)

// encoderTypes are measured pure: one format for every matrix.
var encoderTypes = []fileType{
	{"F16", 1, true}, {"BF16", 32, true}, {"Q8_0", 7, true}, {"Q6_K", 18, true}, {"Q5_1", 9, true}, {"Q5_K_S", 16, true},
	{"Q5_0", 8, true}, {"Q4_1", 3, true}, {"Q4_K_S", 14, true}, {"Q4_0", 2, true}, {"Q3_K_S", 11, true}, {"Q2_K", 10, true},
}

// encoders compares the quantizers themselves, on a model as large as it takes to time them.
type encoders struct {
	dir, source, guide string
	weights            *model.Model
	importance         model.Importance
	library            llama
	program            string // llama.cpp's quantizer; "" for none
	threads            int
}

// encoderTurns is how often the two quantizers take turns at a type; the best turn of each counts.
const encoderTurns = 3

// encoderShape is that of a Llama of one layer: 65 MB of float32, which every format fits.
var encoderShape = model.Config{Arch: model.Llama, Vocab: 4096, Context: 512, Width: 1024, FFN: 2816, Layers: 1, Heads: 16, KVHeads: 4,
	HeadDim: 64, RopeTheta: 10000, NormEps: 1e-5, TiedEmbeddings: true}

// newEncoders makes the model: normal weights in the given shape, and an importance whose logarithm is normal.
func newEncoders(dir, against string, threads int, shape model.Config) (*encoders, error) {
	e := &encoders{dir: dir, source: filepath.Join(dir, "random.gguf"), guide: filepath.Join(dir, "imatrix.gguf"), threads: threads}
	var err error
	if e.weights, err = model.Random(shape, nil, 1); err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(1, 2))
	e.importance = make(model.Importance)
	for _, s := range shape.Specs() {
		if len(s.Shape) == 2 {
			columns := make([]float32, s.Shape[1])
			for i := range columns {
				columns[i] = float32(math.Exp(1.5 * rng.NormFloat64()))
			}
			e.importance[s.Name] = columns
		}
	}
	source := model.ImportanceSource{Datasets: []string{"random"}, Chunks: 1, ChunkSize: 512}
	if err := model.WriteImportance(context.Background(), e.guide, e.importance, source); err != nil {
		return nil, err
	}
	if e.importance, _, err = model.ReadImportance(e.guide); err != nil { // as rounded as the library finds it
		return nil, err
	}
	if _, err := e.encode(fileType{name: "F32", pure: true}, e.source, nil, e.weights); err != nil {
		return nil, err
	}
	if against != "" {
		e.library = llamaIn(against)
		e.program, err = e.library.compile(dir, "quantize.cpp", llamaQuantize)
	}
	return e, err
}

// encode writes m as t and says how long that took.
func (e *encoders) encode(t fileType, path string, guide model.Importance, m *model.Model) (time.Duration, error) {
	start := time.Now()
	plan, err := model.NewPlan(m.Config, t.name, model.PlanOptions{Pure: t.pure, Importance: guide})
	if err != nil {
		return 0, err
	}
	err = model.WriteGGUF(context.Background(), path, m, plan)
	return time.Since(start), err
}

// encoded is what one quantizer did.
type encoded struct {
	took  time.Duration
	error float64 // root mean square, relative to that of the weights, both under the importance where there is one
}

// theirs writes the model as t with llama.cpp's quantizer and says how long that took.
func (e *encoders) theirs(t fileType, path string, guide model.Importance) (time.Duration, error) {
	arguments := []string{e.source, path, fmt.Sprint(t.ftype), "1", fmt.Sprint(e.threads)}
	if guide != nil {
		arguments = append(arguments, e.guide)
	}
	var seconds float64
	err := e.library.ask(e.program, e.library.libraries, arguments, &seconds)
	return time.Duration(seconds * float64(time.Second)), err
}

// both gives the quantizers their turns; theirs is zero without the library.
func (e *encoders) both(t fileType, guide model.Importance) (ours, theirs encoded, err error) {
	ours.took, theirs.took = math.MaxInt64, math.MaxInt64
	own, other := filepath.Join(e.dir, "ours.gguf"), filepath.Join(e.dir, "theirs.gguf")
	for range encoderTurns {
		m, err := model.Open(e.source)
		if err != nil {
			return ours, theirs, err
		}
		took, err := e.encode(t, own, guide, m)
		m.Close()
		if err != nil {
			return ours, theirs, err
		}
		ours.took = min(ours.took, took)
		if e.program == "" {
			continue
		}
		if took, err = e.theirs(t, other, guide); err != nil {
			return ours, theirs, err
		}
		theirs.took = min(theirs.took, took)
	}
	if ours.error, err = relativeError(e.weights, own, guide); err == nil && e.program != "" {
		theirs.error, err = relativeError(e.weights, other, guide)
	}
	return ours, theirs, err
}

// table measures every format and returns it as Markdown.
func (e *encoders) table() (string, error) {
	runtime.GOMAXPROCS(e.threads)
	var b strings.Builder
	fmt.Fprintf(&b, encodersIntroduction, e.threads)
	bytes := float64(e.weights.Params()) * 4 / 1e6
	cells := func(ours, theirs encoded) string {
		s := fmt.Sprintf(" %.4g | | %.0f | |", 100*ours.error, bytes/ours.took.Seconds())
		if e.program != "" {
			s = fmt.Sprintf(" %.4g | %.4g | %.0f | %.0f |", 100*ours.error, 100*theirs.error, bytes/ours.took.Seconds(), bytes/theirs.took.Seconds())
		}
		return s
	}
	for _, t := range encoderTypes {
		row := fmt.Sprintf("| %s |", strings.TrimSuffix(t.name, "_S"))
		for _, guide := range []model.Importance{nil, e.importance} {
			ours, theirs, err := e.both(t, guide)
			if err != nil {
				return "", fmt.Errorf("%s: %w", t.name, err)
			}
			row += cells(ours, theirs)
		}
		fmt.Fprintln(os.Stderr, row)
		b.WriteString(row + "\n")
	}
	return b.String(), nil
}

// relativeError returns the root mean square error of a file's matrices, relative to the root mean square of the weights:
// both under the importance, where there is one.
func relativeError(m *model.Model, path string, importance model.Importance) (float64, error) {
	q, err := model.Open(path)
	if err != nil {
		return 0, err
	}
	defer q.Close()
	var squares, total float64
	for _, s := range m.Specs() {
		if len(s.Shape) < 2 {
			continue
		}
		want, err := m.Float32(s.Name)
		if err != nil {
			return 0, err
		}
		got, err := q.Float32(s.Name)
		if err != nil {
			return 0, err
		}
		columns := importance[s.Name]
		for i, w := range want {
			weight := 1.0
			if columns != nil {
				weight = float64(columns[i%len(columns)])
			}
			d := float64(got[i] - w)
			squares, total = squares+weight*d*d, total+weight*float64(w)*float64(w)
		}
	}
	return math.Sqrt(squares / total), nil
}

const encodersIntroduction = `
## The encoders

Every format purely, of random normal weights in a Llama's shape, on %d threads: the root mean square error, and MB of float32
taken in a second from file to file. On the right under an importance of every column: the error is weighed by it then.
llama.cpp's quantizer does the same in turn.

| format | RMS error %% | llama.cpp's | MB/s | llama.cpp's | weighted error %% | llama.cpp's | MB/s | llama.cpp's |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
`
