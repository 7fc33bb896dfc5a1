package config

import "fmt"

// start checks what a student that starts from a model asks for.
func (v *validation) start(r *Recipe) {
	if k := r.Teacher.Kind; r.Student.From == "teacher" && !r.weightsHere() {
		v.fail("student.from", "a local or builtin teacher, or a score section, has them; or name a model's path", "a %s teacher has no weights here", k)
	}
	c := r.Student.Cut
	if c == nil {
		return
	}
	for i, layer := range c.Keep {
		if layer < 0 || i > 0 && layer <= c.Keep[i-1] {
			v.fail("student.cut.keep", "[0, 2, 4] keeps the first, the third and the fifth", "layers are named once, ascending from 0, got %v", c.Keep)
			break
		}
	}
	switch {
	case len(c.Keep) > 0 && c.Layers > 0 && c.Layers != len(c.Keep):
		v.fail("student.cut.layers", "leave one of the two out", "is %d, and keep names %d layers", c.Layers, len(c.Keep))
	case c.Layers == 0 && len(c.Keep) == 0 && c.Width == 0 && c.FFN == 0 && c.Heads == 0 && c.KVHeads == 0:
		v.fail("student.cut", "give layers, keep, width, ffn, heads or kv_heads", "cuts nothing")
	}
}

// hidden checks what the matching of hidden states needs.
func (v *validation) hidden(r *Recipe) {
	h := r.Train.Hidden
	if h == nil {
		return
	}
	if !r.Train.Loss.Dense {
		v.fail("train.hidden", "set train.loss.dense to true", "hidden states are those of a teacher that runs along")
	}
	if r.Train.OnPolicy.Share > 0 && r.Train.OnPolicy.K > 0 {
		v.fail("train.hidden", "set train.on_policy.k to 0", "a teacher that keeps the likeliest tokens shows no hidden states")
	}
	for i, layer := range h.Layers {
		if layer < 0 {
			v.fail(fmt.Sprintf("train.hidden.layers.%d", i), "", "layers count from 0, got %d", layer)
		}
	}
}
