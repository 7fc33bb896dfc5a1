package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/seed-d24fde5f/distill/internal/mmap"
)

const (
	singleName = "model.safetensors"
	indexName  = "model.safetensors.index.json"
)

// Set is the tensors of a model folder, mapped into memory from one file or several.
type Set struct {
	Tensors []Tensor // file after file, in the order of the files' names

	byName map[string]int
	unmap  []func() error
}

// OpenDir maps the tensors of a model folder: those of model.safetensors or, where that is absent, of the shards
// named by model.safetensors.index.json. The caller must Close the set, after which no data of it may be used.
func OpenDir(dir string) (*Set, error) {
	names, err := shardNames(dir)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w (in %s)", err, dir)
	}
	s := &Set{byName: make(map[string]int)}
	for _, name := range names {
		if err := s.add(filepath.Join(dir, name)); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

func shardNames(dir string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(dir, singleName)); err == nil {
		return []string{singleName}, nil
	}
	text, err := os.ReadFile(filepath.Join(dir, indexName))
	if pickled, _ := filepath.Glob(filepath.Join(dir, "pytorch_model*.bin")); errors.Is(err, fs.ErrNotExist) && len(pickled) > 0 {
		return nil, fmt.Errorf("%s is not read, as pickled files can hold programs: save the model as safetensors", filepath.Base(pickled[0]))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the folder holds neither %s nor %s: %w", singleName, indexName, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	return parseIndex(text)
}

// parseIndex returns the shards an index names, sorted, each once.
func parseIndex(text []byte) ([]string, error) {
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", indexName, err)
	}
	var names []string
	for tensor, name := range index.WeightMap {
		if name != filepath.Base(name) || name == "." || name == ".." {
			return nil, fmt.Errorf("%s: weight_map: %q: shard %q is not a file of the folder", indexName, tensor, name)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: weight_map is empty", indexName)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (s *Set) add(path string) error {
	data, unmap, err := mmap.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("safetensors: a shard that %s names is not there: %w", indexName, err)
	}
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	s.unmap = append(s.unmap, unmap)
	f, err := Parse(data)
	if err != nil {
		return fmt.Errorf("%w (in %s)", err, path)
	}
	for _, t := range f.Tensors {
		if _, twice := s.byName[t.Name]; twice {
			return fmt.Errorf("safetensors: tensor %q: in two shards (in %s)", t.Name, path)
		}
		s.byName[t.Name] = len(s.Tensors)
		s.Tensors = append(s.Tensors, t)
	}
	return nil
}

// Tensor returns the tensor with the given name.
func (s *Set) Tensor(name string) (Tensor, bool) {
	i, ok := s.byName[name]
	if !ok {
		return Tensor{}, false
	}
	return s.Tensors[i], true
}

// Close releases the memory maps.
func (s *Set) Close() error {
	var all []error
	for _, unmap := range s.unmap {
		all = append(all, unmap())
	}
	s.unmap, s.Tensors, s.byName = nil, nil, nil
	return errors.Join(all...)
}
