package recipe

import (
	"os"
	"path/filepath"

	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

// trainedTokenBytes is about what a token of a vocabulary that is still to be trained takes in a file, its merge included.
const trainedTokenBytes = 28

// containerBytes returns what stands beside the tensors in a student's file: metadata, tokenizer, chat template and the list
// of tensors. It is that of a file with the same vocabulary and as many tensors, which are as small as they can be.
func (r *Run) containerBytes(cfg model.Config) (int64, error) {
	name := r.origin()
	if name == "scratch" {
		name = r.tokenizerModel()
	}
	if name == "" {
		return trainedTokenBytes * int64(cfg.Vocab), nil
	}
	tok, template, err := workbench.OpenTokenizer(name)
	if err != nil {
		return 0, err
	}
	cfg.Width, cfg.FFN, cfg.Heads, cfg.KVHeads, cfg.HeadDim = 2, 2, 1, 1, 2
	m, err := model.Random(cfg, tok, 1)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	m.Template = template
	dir, err := os.MkdirTemp("", "distill-plan")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "container.gguf")
	if err := writeGGUF(path, m, "f32"); err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size() - 4*int64(cfg.Params()), nil
}
