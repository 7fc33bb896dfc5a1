package model

import (
	"fmt"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/quant"
)

// Plan says which number format each weight of a GGUF file gets.
type Plan struct {
	FileType   string // canonical, such as "Q4_K_M"
	Choices    []Choice
	Importance Importance // guides the encoders; nil for none

	number uint32 // of the file type in general.file_type
}

// Choice is the format of one weight.
type Choice struct {
	Name     string
	Shape    []int
	Type     quant.Type // what it gets
	Wanted   quant.Type // what the file type asks for; differs from Type where the shape does not allow it
	Reason   string     // why Type is not the file type's base format; "" where it is
	Elements int
	Bytes    int64
}

// Substituted reports whether the weight's shape forced another format than the file type asks for.
func (c Choice) Substituted() bool { return c.Type != c.Wanted }

// PlanOptions change how a plan is made. The zero value plans as llama-quantize does.
type PlanOptions struct {
	Strict     bool       // refuse a file type that some weight's shape does not allow, instead of substituting
	Pure       bool       // every matrix gets the base format; no mix
	Importance Importance // guides the encoders, and the choice for Q4_0 and Q5_0
}

// fileType is a named way to store a model: a base format, and for mixes some exceptions.
type fileType struct {
	name   string
	number uint32 // llama.h, enum llama_ftype
	base   quant.Type
}

var fileTypes = []fileType{
	{"F32", 0, quant.F32}, {"F16", 1, quant.F16}, {"BF16", 32, quant.BF16},
	{"Q8_0", 7, quant.Q8_0}, {"Q4_0", 2, quant.Q4_0}, {"Q4_1", 3, quant.Q4_1}, {"Q5_0", 8, quant.Q5_0}, {"Q5_1", 9, quant.Q5_1},
	{"Q2_K", 10, quant.Q2_K}, {"Q3_K_S", 11, quant.Q3_K}, {"Q3_K_M", 12, quant.Q3_K}, {"Q3_K_L", 13, quant.Q3_K},
	{"Q4_K_S", 14, quant.Q4_K}, {"Q4_K_M", 15, quant.Q4_K}, {"Q5_K_S", 16, quant.Q5_K}, {"Q5_K_M", 17, quant.Q5_K}, {"Q6_K", 18, quant.Q6_K},
}

// fileTypeAliases are the short names llama-quantize takes for the middle mixes.
var fileTypeAliases = map[string]string{"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}

// FileTypes returns the names of all file types, from the most exact formats down the families.
func FileTypes() []string {
	names := make([]string, len(fileTypes))
	for i, f := range fileTypes {
		names[i] = f.name
	}
	return names
}

func parseFileType(name string) (fileType, error) {
	want := strings.ToUpper(name)
	if alias, ok := fileTypeAliases[want]; ok {
		want = alias
	}
	for _, f := range fileTypes {
		if f.name == want {
			return f, nil
		}
	}
	return fileType{}, fmt.Errorf("model: file type %q is not known; %s are", name, strings.Join(FileTypes(), ", "))
}

// NewPlan chooses a format for every weight of a model of the given shape, by the rules of llama-quantize (llama.cpp,
// src/llama-quant.cpp), so a file has the size and quality its type's name promises. Vectors stay F32. A matrix whose
// rows are no multiple of the format's block gets the nearest format that fits, with the reason; Strict refuses instead.
func NewPlan(c Config, name string, o PlanOptions) (Plan, error) {
	f, err := parseFileType(name)
	if err != nil {
		return Plan{}, err
	}
	if err := c.Validate(); err != nil {
		return Plan{}, err
	}
	p := Plan{FileType: f.name, Importance: o.Importance, number: f.number}
	var refused []string
	for _, s := range c.Specs() {
		choice := f.choose(c, s, o)
		if choice.Substituted() {
			refused = append(refused, fmt.Sprintf("%s (%s: %s)", s.Name, choice.Type, choice.Reason))
		}
		p.Choices = append(p.Choices, choice)
	}
	if o.Strict && len(refused) > 0 {
		return Plan{}, fmt.Errorf("model: %s does not fit %d of the weights, the first being %s", f.name, len(refused), refused[0])
	}
	return p, nil
}

func (f fileType) choose(c Config, s Spec, o PlanOptions) Choice {
	choice := Choice{Name: s.Name, Shape: s.Shape, Wanted: f.base, Elements: s.Elements()}
	switch {
	case len(s.Shape) == 1:
		choice.Wanted = quant.F32
		if f.base != quant.F32 {
			choice.Reason = "a vector: stays F32"
		}
	case f.base.BlockSize() > 1 && !o.Pure:
		choice.Wanted, choice.Reason = f.mix(c, s, o)
	}
	choice.Type = choice.Wanted
	if columns := s.Shape[len(s.Shape)-1]; columns%choice.Wanted.BlockSize() != 0 {
		choice.Type = fitting(choice.Wanted, columns)
		choice.Reason = fmt.Sprintf("rows of %d are no multiple of %s's block of %d", columns, choice.Wanted, choice.Wanted.BlockSize())
	}
	choice.Bytes = int64(choice.Elements/choice.Type.BlockSize()) * int64(choice.Type.BlockBytes())
	return choice
}

// fitting returns the format nearest to t whose block divides a row of the given length: of the 256-element formats the
// 32-element one of at least its bits, or F16.
func fitting(t quant.Type, columns int) quant.Type {
	smaller := map[quant.Type]quant.Type{
		quant.Q2_K: quant.Q4_0, quant.Q3_K: quant.Q4_0, quant.Q4_K: quant.Q5_0, quant.Q5_K: quant.Q5_1, quant.Q6_K: quant.Q8_0,
	}
	if other, ok := smaller[t]; ok && columns%other.BlockSize() == 0 {
		return other
	}
	return quant.F16
}

// mix returns the format of a matrix by the file type's rules, with the reason where it is not the base format.
func (f fileType) mix(c Config, s Spec, o PlanOptions) (quant.Type, string) {
	layer, part := splitName(s.Name)
	t := f.base
	switch part {
	case "output.weight", "token_embd.weight":
		if part == "output.weight" || c.TiedEmbeddings {
			return f.output()
		}
	case "attn_v.weight":
		t = f.valueType(c, layer)
	case "attn_output.weight":
		switch f.name {
		case "Q2_K":
			t = quant.Q3_K
		case "Q3_K_M":
			t = quant.Q4_K
		case "Q3_K_L":
			t = quant.Q5_K
		}
	case "ffn_down.weight":
		t = f.downType(c, layer, o.Importance != nil)
	}
	if t == f.base {
		return t, ""
	}
	return t, fmt.Sprintf("%s: a weight that errors hurt more gets more bits", f.name)
}

// output is the rule for the matrix that makes the logits.
func (f fileType) output() (quant.Type, string) {
	if f.base == quant.Q8_0 || f.base == quant.Q6_K {
		return f.base, ""
	}
	return quant.Q6_K, "the output matrix: logits want more bits"
}

func (f fileType) valueType(c Config, layer int) quant.Type {
	grouped := c.Heads/c.KVHeads >= 4
	switch {
	case f.name == "Q2_K" && grouped:
		return quant.Q4_K
	case f.name == "Q2_K":
		return quant.Q3_K
	case f.name == "Q3_K_M" && layer < 2, f.name == "Q3_K_L", f.name == "Q4_K_S" && layer < 4:
		return quant.Q5_K
	case f.name == "Q3_K_M":
		return quant.Q4_K
	case (f.name == "Q4_K_M" || f.name == "Q5_K_M") && moreBits(layer, c.Layers):
		return quant.Q6_K
	}
	return f.base
}

func (f fileType) downType(c Config, layer int, importance bool) quant.Type {
	early := layer < c.Layers/8
	switch {
	case f.name == "Q2_K":
		return quant.Q3_K
	case f.name == "Q3_K_M" && layer < c.Layers/16, f.name == "Q3_K_L", f.name == "Q4_K_S" && early:
		return quant.Q5_K
	case f.name == "Q3_K_M":
		return quant.Q4_K
	case (f.name == "Q4_K_M" || f.name == "Q5_K_M") && moreBits(layer, c.Layers):
		return quant.Q6_K
	case f.name == "Q4_0" && importance && early:
		return quant.Q4_1
	case f.name == "Q5_0" && importance && early:
		return quant.Q5_1
	}
	return f.base
}

// moreBits picks the first and last eighth of the layers and every third between.
func moreBits(layer, layers int) bool {
	return layer < layers/8 || layer >= 7*layers/8 || (layer-layers/8)%3 == 2
}

// splitName cuts "blk.3.attn_v.weight" into 3 and "attn_v.weight"; a name without a layer has layer −1.
func splitName(name string) (layer int, part string) {
	rest, ok := strings.CutPrefix(name, "blk.")
	if !ok {
		return -1, name
	}
	number, part, _ := strings.Cut(rest, ".")
	for _, d := range number {
		layer = 10*layer + int(d-'0')
	}
	return layer, part
}

// Bytes returns the size of all weights.
func (p Plan) Bytes() int64 {
	var n int64
	for _, c := range p.Choices {
		n += c.Bytes
	}
	return n
}

// BitsPerWeight returns the mean over all weights.
func (p Plan) BitsPerWeight() float64 {
	n := 0
	for _, c := range p.Choices {
		n += c.Elements
	}
	return 8 * float64(p.Bytes()) / float64(n)
}

// Substitutions returns the choices that a shape forced.
func (p Plan) Substitutions() []Choice {
	var all []Choice
	for _, c := range p.Choices {
		if c.Substituted() {
			all = append(all, c)
		}
	}
	return all
}

// Unweighted returns the choices of quantized matrices that an importance leaves out: they are rounded as without one.
// The table of embeddings and the output matrix are not among them, for llama.cpp does not measure those either.
func (p Plan) Unweighted() []Choice {
	var all []Choice
	for _, c := range p.Choices {
		layer, _ := splitName(c.Name)
		if p.Importance != nil && layer >= 0 && c.Type.Quantized() && p.Importance[c.Name] == nil {
			all = append(all, c)
		}
	}
	return all
}
