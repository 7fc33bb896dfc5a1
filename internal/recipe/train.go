package recipe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"github.com/seed-d24fde5f/distill/dataset/pack"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/durable"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/plan"
	"github.com/seed-d24fde5f/distill/internal/quant"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/student"
	"github.com/seed-d24fde5f/distill/train"
	"github.com/seed-d24fde5f/distill/train/loss"
	"github.com/seed-d24fde5f/distill/train/optim"
)

// Files of the training stage, below trainDir.
const (
	initialFile    = "initial.gguf" // the student before training, float32
	trainedFile    = "student.gguf" // and after it
	checkpointsDir = "checkpoints"
	inputsFile     = ".inputs" // digest of what the folder's work depends on
	metricsFile    = "metrics.jsonl"
	controlDir     = "control"      // the control student's checkpoints and curve
	controlFile    = "control.gguf" // and what it came to
	qatDir         = "qat"          // likewise of the last phase, under the rounding of a block format
	qatFile        = "student-qat.gguf"
)

// errTrainTime ends training at the recipe's limit on time.
var errTrainTime = errors.New("training time is up")

func trainInputs(r *Run) (any, error) {
	c := r.Recipe
	t := c.Train
	t.Memory, t.Recompute = 0, nil // same bits
	return []any{c.Seed, c.Prompts.Format, c.Select, c.Tokenizer, c.Student, t, c.Teacher.Model}, nil
}

// lesson is one training: the student's, or that of a control student.
type lesson struct {
	title     string
	dir       string // of its files, below trainDir
	file      string // of the trained student, below trainDir
	reasoning bool   // the teacher's thinking is learnt
	loss      config.Loss
	from      string  // model to start from
	share     float64 // of the recipe's steps
	rate      float64 // share of the recipe's peak learning rate; 0 means all of it
	round     string  // block format that the weights are rounded to; empty for none
	onPolicy  bool    // the student's own answers are mixed in
	seed      uint64  // of the initial weights, the order of batches and the student's own answers
}

// fit trains the student on the selected rows, and then the control student if there is one.
func fit(ctx context.Context, r *Run, st *stageState) (string, error) {
	if err := r.keepOnly(trainDir, st.Inputs); err != nil {
		return "", err
	}
	rows, _, err := r.selectRows()
	if err != nil {
		return "", err
	}
	lang, err := r.studentLanguage(rows)
	if err != nil {
		return "", err
	}
	if lang.across, err = r.bridge(lang); err != nil {
		return "", err
	}
	defer r.dismissTeacher()
	restore, err := r.boundGarbage()
	if err != nil {
		return "", err
	}
	defer restore()
	from, err := r.beginning(ctx, lang, rows)
	if err != nil {
		return "", err
	}
	t := &r.Recipe.Train
	result, err := r.learnAll(ctx, lang, rows, lesson{title: "train", dir: ".", file: trainedFile, seed: r.Recipe.Seed,
		reasoning: t.LearnReasoning, loss: t.Loss, from: from, share: 1, onPolicy: t.OnPolicy.Share > 0}, st.Inputs)
	if err != nil {
		return "", err
	}
	st.Tokens = result.Tokens
	st.Note = fmt.Sprintf("%d steps, %.2f million tokens, loss %.4f", result.Steps, float64(result.Tokens)/1e6, result.Loss)
	if h := result.Heldout; h != nil {
		st.Note += fmt.Sprintf(", held out %.4f", h.Loss)
	}
	if t.Control == "answers" {
		text := config.Loss{Kind: "ce", Temperature: 1, LabelSmoothing: t.Loss.LabelSmoothing}
		what := lesson{title: "train: control", dir: controlDir, file: controlFile, loss: text, from: from, share: 1, seed: r.Recipe.Seed}
		if _, err := r.learn(ctx, lang, rows, what, st.Inputs); err != nil {
			return "", err
		}
	}
	if q := t.QAT; q != nil {
		what := lesson{title: "train: " + q.Type, dir: qatDir, file: qatFile, reasoning: t.LearnReasoning, loss: t.Loss,
			from: r.path(trainDir, trainedFile), share: q.Share, rate: q.Rate, round: q.Type, seed: r.Recipe.Seed}
		settled, err := r.learn(ctx, lang, rows, what, st.Inputs)
		if err != nil {
			return "", err
		}
		st.Tokens += settled.Tokens
		st.Note += fmt.Sprintf(", %.4f under %s", settled.Loss, q.Type)
	}
	return digest(st.Inputs, result.Steps, result.Loss), nil
}

// learn trains one student, continuing from its checkpoints. One that is finished is not trained again.
func (r *Run) learn(ctx context.Context, lang *language, rows rowSeq, what lesson, identity string) (train.Result, error) {
	examples, err := r.encode(lang, rows, what.reasoning)
	if err != nil {
		return train.Result{}, err
	}
	defer examples.close()
	learner, err := r.newStudent(lang, what)
	if err != nil {
		return train.Result{}, err
	}
	defer learner.Close()
	if r.Recipe.Student.From == plan.Scratch {
		if err := r.saveStudent(learner, lang, initialFile); err != nil {
			return train.Result{}, err
		}
	}
	if limit := r.Recipe.Train.Time; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, errTrainTime)
		defer cancel()
	}
	opts, meter, err := r.trainOptions(learner, lang, examples, what)
	if err != nil {
		return train.Result{}, err
	}
	defer meter.stop()
	opts.Identity = identity
	if what.onPolicy {
		end, err := r.mixOnPolicy(ctx, &opts, meter, learner, lang, rows, what)
		if err != nil {
			return train.Result{}, err
		}
		defer end()
	}
	result, err := train.Run(ctx, opts)
	if errors.Is(err, train.ErrDiverged) {
		err = &hint.Error{Hint: fmt.Sprintf("lower train.optimizer.lr, %g now (and muon_lr), or lengthen its warmup", opts.Rate), Err: err}
	}
	if err != nil && !errors.Is(err, errTrainTime) {
		return result, err
	}
	return result, r.saveStudent(learner, lang, what.file)
}

// keepOnly keeps a stage's folder when it holds unfinished work on the same inputs, and empties it otherwise.
func (r *Run) keepOnly(dir, inputs string) error {
	mark := r.path(dir, inputsFile)
	if known, err := os.ReadFile(mark); err == nil && string(known) == inputs {
		return nil
	}
	if err := os.RemoveAll(r.path(dir)); err != nil {
		return err
	}
	if err := os.MkdirAll(r.path(dir), 0o755); err != nil {
		return err
	}
	return durable.WriteFile(mark, []byte(inputs))
}

// newStudent makes the student as it is before a lesson.
func (r *Run) newStudent(l *language, what lesson) (*student.Student, error) {
	options := []student.Option{student.Threads(r.opts.Threads), student.BF16(plan.Precision(&r.Recipe.Train) == "bf16")}
	if what.round != "" {
		// A mix such as Q4_K_M has one format for most of its weights; that is what they settle on.
		name := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(what.round), "_M"), "_S")
		format, err := quant.ParseType(name)
		if err != nil {
			return nil, hint.Errorf("", "train.qat.type: %w", err)
		}
		options = append(options, student.RoundTo(format))
	}
	if a := r.Recipe.Student.LoRA; a != nil && what.round == "" {
		options = append(options, student.WithLoRA(student.LoRA{Rank: a.Rank, Alpha: a.Alpha, Targets: a.Targets, Dropout: a.Dropout, Seed: what.seed}))
	}
	options, err := r.matching(l, what, options)
	if err != nil {
		return nil, err
	}
	if what.from != plan.Scratch {
		return r.studentFrom(what.from, options)
	}
	cfg := plan.ScratchShape(&r.Recipe.Student, l.tokenizer.Size())
	if options, err = r.fitting(cfg, options); err != nil {
		return nil, err
	}
	s, err := student.New(cfg, what.seed, options...)
	if err != nil {
		return nil, &hint.Error{Err: err}
	}
	return s, nil
}

// fitting adds what the memory asks for, or refuses a student that will not fit.
func (r *Run) fitting(cfg model.Config, options []student.Option) ([]student.Option, error) {
	memory, err := plan.MemoryOf(r.Recipe, cfg)
	if err != nil {
		return nil, err
	}
	if memory.Recompute() {
		r.log.Debug("activations are computed again in the backward pass")
		options = append(options, student.Recompute())
	}
	return options, memory.Check()
}

// boundGarbage lets the collector run as often as the prediction of memory supposes, until restore is called. Who has set
// GOGC is left alone.
func (r *Run) boundGarbage() (restore func(), err error) {
	if os.Getenv("GOGC") != "" {
		return func() {}, nil
	}
	cfg, err := r.models.Shape(r.Recipe)
	if err != nil {
		return nil, err
	}
	memory, err := plan.MemoryOf(r.Recipe, cfg)
	if err != nil {
		return nil, err
	}
	debug.FreeOSMemory() // of the stages before
	before := debug.SetGCPercent(memory.GCPercent())
	return func() { debug.SetGCPercent(before) }, nil
}

// studentFrom returns a student that starts from a model, which stays open as long as the student where its weights are
// frozen, since they lie in it.
func (r *Run) studentFrom(name string, options []student.Option) (*student.Student, error) {
	m, err := workbench.Open(name)
	if err != nil {
		return nil, err
	}
	if options, err = r.fitting(m.Config, options); err != nil {
		m.Close()
		return nil, err
	}
	s, err := student.FromModel(m, options...)
	if err != nil {
		m.Close()
		return nil, err
	}
	if len(s.Params().Learnt()) == len(s.Params()) {
		return s, m.Close()
	}
	s.Own(m)
	return s, nil
}

// saveStudent writes the student's weights as they are now, in float32.
func (r *Run) saveStudent(s *student.Student, l *language, file string) error {
	path := r.path(trainDir, file)
	if _, err := os.Stat(path); err == nil && file == initialFile {
		return nil
	}
	m, err := s.Model(r.Recipe.Name, l.tokenizer, l.format.Template)
	if err != nil {
		return err
	}
	return workbench.WriteGGUF(path, m, "f32")
}

// trainOptions translates the recipe.
func (r *Run) trainOptions(learner *student.Student, l *language, c *corpora, what lesson) (train.Options, *trainMeter, error) {
	t := &r.Recipe.Train
	packing := r.packing(l, learner.Config().Context)
	packing.Seed = what.seed
	batches, err := pack.New(c.train, packing)
	if err != nil {
		return train.Options{}, nil, err
	}
	if n := batches.Report(); n.Dropped > 0 {
		r.log.Warn("examples longer than a training sequence were left out", "examples", n.Dropped, "of", c.train.Len(), "seq", packing.Length)
	}
	heldout, err := heldoutBatches(c.heldout, packing)
	if err != nil {
		return train.Options{}, nil, err
	}
	objective, err := loss.New(lossSpec(&what.loss))
	if err != nil {
		return train.Options{}, nil, err
	}
	steps := max(1, int(what.share*float64(t.StepsOf(batches.PerEpoch(), packing.Length))))
	source := newPacked(batches)
	if what.loss.Dense {
		if source.teacher, err = r.denseTeacher(l); err != nil {
			return train.Options{}, nil, err
		}
		for _, b := range heldout {
			asksTeacher(b, source.teacher)
		}
	}
	meter := newTrainMeter(r, what, steps)
	rate, spec := optimizerOf(&t.Optimizer)
	if what.rate > 0 {
		rate *= what.rate
	}
	return train.Options{
		Model: learner, Data: source, Objective: objective,
		Steps: steps, Accumulate: t.Accumulate,
		Rate: rate, Optimizer: spec, Clip: t.Optimizer.Clip,
		Schedule: optim.Schedule{Shape: optim.Shape(t.Optimizer.Schedule), Warmup: int(t.Optimizer.Warmup * float64(steps)), Final: t.Optimizer.Final, Decay: t.Optimizer.Decay},
		EMA:      t.EMA,
		Heldout:  heldout, EvalEvery: orTenth(t.EvalEvery, steps), KeepBest: len(heldout) > 0,
		Dir: r.path(trainDir, what.dir, checkpointsDir), CheckpointEvery: orTenth(t.CheckpointEvery, steps), Keep: t.Keep,
		Observe: meter.observe, Log: slog.New(quieter{r.log.Handler()}),
	}, meter, nil
}

// padToken fills what is left of a row; it is never learnt, so any token will do where there is none for it.
func padToken(l *language) int32 {
	if l.tokenizer.PAD >= 0 {
		return l.tokenizer.PAD
	}
	return 0
}

func orTenth(every, steps int) int {
	if every > 0 {
		return every
	}
	return max(1, steps/10)
}

// optimizerOf returns the peak rate and the optimizer. The rate is that of AdamW, Muon's a multiple of it.
func optimizerOf(o *config.Optimizer) (float64, optim.Spec) {
	return o.LR, optim.Spec{Algorithm: optim.Algorithm(o.Kind), Beta1: o.Beta1, Beta2: o.Beta2, WeightDecay: o.WeightDecay, MatrixRate: o.MuonLR / o.LR}
}

// lossSpec translates the recipe's loss.
func lossSpec(l *config.Loss) loss.Spec {
	if l.Kind == "ce" {
		return loss.Spec{LabelSmoothing: l.LabelSmoothing}
	}
	s := loss.Spec{Mix: l.Weight, Temperature: l.Temperature, LabelSmoothing: l.LabelSmoothing}
	switch l.Kind {
	case "tvd":
		s.Divergence = loss.TotalVariation
	case "skew_kl":
		s.Divergence, s.Alpha = loss.SkewForwardKL, l.Beta
	case "skew_reverse_kl":
		s.Divergence, s.Alpha = loss.SkewReverseKL, l.Beta
	case "jsd":
		s.Divergence, s.Beta = loss.JSD, l.Beta
	default:
		s.Divergence = loss.Divergence(strings.ReplaceAll(l.Kind, "_", "-"))
	}
	return s
}

// trainedPath returns the file of the trained student.
func (r *Run) trainedPath() string { return r.path(trainDir, r.trainedFile()) }

func (r *Run) trainedFile() string {
	if r.Recipe.Train.QAT != nil {
		return qatFile
	}
	return trainedFile
}
