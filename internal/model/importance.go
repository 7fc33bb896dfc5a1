package model

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/gguf"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/quant"
)

// Importance is, for each matrix by canonical name, the mean square of every input it was multiplied with, (columns):
// how much an error in that column costs.
type Importance map[string][]float32

// ImportanceSource says what an importance was computed from.
type ImportanceSource struct {
	Datasets  []string
	Chunks    int // pieces of text
	ChunkSize int // tokens in each
}

// llama.cpp's importance files are GGUF files whose tensors are sums of squares and the numbers of inputs summed.
const (
	importanceType      = "imatrix"
	keyType             = "general.type"
	keyImportanceData   = "imatrix.datasets"
	keyImportanceChunks = "imatrix.chunk_count"
	keyImportanceSize   = "imatrix.chunk_size"
	suffixSums          = ".in_sum2"
	suffixCounts        = ".counts"
)

// ReadImportance reads an importance matrix in llama.cpp's GGUF format.
func ReadImportance(path string) (Importance, ImportanceSource, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, ImportanceSource{}, fmt.Errorf("model: importance: %w", err)
	}
	defer f.Close()
	imp, source, err := importanceFromGGUF(f)
	if err != nil {
		err = fmt.Errorf("%w (in %s)", err, path)
	}
	return imp, source, err
}

func importanceFromGGUF(f *gguf.File) (Importance, ImportanceSource, error) {
	if kind, _ := f.Metadata.String(keyType); kind != importanceType {
		return nil, ImportanceSource{}, fmt.Errorf("model: importance: %s is %q, not %q", keyType, kind, importanceType)
	}
	var source ImportanceSource
	source.Datasets, _ = f.Metadata.Strings(keyImportanceData)
	source.Chunks, _ = f.Metadata.Int(keyImportanceChunks)
	source.ChunkSize, _ = f.Metadata.Int(keyImportanceSize)
	imp := make(Importance)
	for _, t := range f.Tensors {
		name, isSums := strings.CutSuffix(t.Name, suffixSums)
		if !isSums {
			if !strings.HasSuffix(t.Name, suffixCounts) {
				return nil, source, fmt.Errorf("model: importance: tensor %q is neither sums nor counts", t.Name)
			}
			continue
		}
		counts, ok := f.Tensor(name + suffixCounts)
		if !ok || t.Type != quant.F32 || counts.Type != quant.F32 || counts.Elements() != 1 {
			return nil, source, fmt.Errorf("model: importance: %q has no single count, or is not F32", name)
		}
		var n [1]float32
		quant.Decode(quant.F32, n[:], f.Data(counts))
		values := make([]float32, t.Elements())
		quant.Decode(quant.F32, values, f.Data(t))
		for i, v := range values {
			values[i] = 1 // of a matrix never met, all columns count alike
			if n[0] != 0 {
				values[i] = v / n[0]
			}
			if !(values[i] >= 0) || math.IsInf(float64(values[i]), 0) {
				return nil, source, fmt.Errorf("model: importance: %q: column %d is %g", name, i, values[i])
			}
		}
		imp[name] = values
	}
	return imp, source, nil
}

// WriteImportance writes an importance matrix as llama.cpp's llama-imatrix does, for its tools and for [ReadImportance].
func WriteImportance(ctx context.Context, path string, imp Importance, source ImportanceSource) error {
	return replaceFile(ctx, path, path, func(w io.Writer) error { return encodeImportance(w, imp, source) })
}

func encodeImportance(w io.Writer, imp Importance, source ImportanceSource) error {
	md := new(gguf.Metadata)
	md.Set(keyType, importanceType)
	md.Set(keyImportanceData, append([]string{}, source.Datasets...))
	md.Set(keyImportanceChunks, uint32(source.Chunks))
	md.Set(keyImportanceSize, uint32(source.ChunkSize))
	var names []string
	for name := range imp {
		names = append(names, name)
	}
	slices.Sort(names)
	var infos []gguf.TensorInfo
	for _, name := range names {
		infos = append(infos,
			gguf.TensorInfo{Name: name + suffixSums, Type: quant.F32, Shape: []int{1, len(imp[name])}},
			gguf.TensorInfo{Name: name + suffixCounts, Type: quant.F32, Shape: []int{1, 1}})
	}
	out, err := gguf.NewWriter(w, md, infos)
	if err != nil {
		return fmt.Errorf("model: importance: %w", err)
	}
	count := float32(max(1, source.Chunks*source.ChunkSize))
	for _, name := range names {
		sums := make([]float32, len(imp[name]))
		for i, v := range imp[name] {
			if !(v >= 0) || math.IsInf(float64(v), 0) {
				return fmt.Errorf("model: importance: %q: column %d is %g: some weight is NaN or infinite", name, i, v)
			}
			sums[i] = v * count
		}
		for _, part := range [][]float32{sums, {count}} {
			if _, err := out.Write(fromFloats(Spec{}, part).Data); err != nil {
				return fmt.Errorf("model: importance: %w", err)
			}
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("model: importance: %w", err)
	}
	return nil
}

func errImportance(got, want int) error {
	return hint.Errorf("the importance is another model's: distill model imatrix measures this one", "an importance of %d columns for rows of %d", got, want)
}
