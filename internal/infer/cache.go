package infer

import (
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/panel"
)

// cache holds the keys and values of one sequence in binary16, laid out as panels so that attention is two products of
// package panel: scores multiply queries with panels of sixteen positions, outputs multiply probabilities with panels
// of sixteen channels.
//
//	keys   (L, K, capacity/16, D, 16)
//	values (L, K, ⌈D/16⌉, capacity, 16)
type cache struct {
	layers, kvHeads, headDim int
	length                   int // positions stored
	capacity                 int // a multiple of 16
	keys, values             []uint16
}

func newCache(c *model.Config) *cache {
	return &cache{layers: c.Layers, kvHeads: c.KVHeads, headDim: c.HeadDim}
}

func (c *cache) valuePanels() int { return (c.headDim + panel.Width - 1) / panel.Width }

// reserve makes room for n positions, keeping what is stored.
func (c *cache) reserve(n int) {
	if n <= c.capacity {
		return
	}
	capacity := max(2*c.capacity, 64)
	for capacity < n {
		capacity *= 2
	}
	heads, panels := c.layers*c.kvHeads, c.valuePanels()
	keys := make([]uint16, heads*capacity*c.headDim)
	values := make([]uint16, heads*panels*capacity*panel.Width)
	for i := range heads {
		copy(keys[i*capacity*c.headDim:], c.keys[i*c.capacity*c.headDim:(i+1)*c.capacity*c.headDim])
	}
	for i := range heads * panels {
		copy(values[i*capacity*panel.Width:], c.values[i*c.capacity*panel.Width:(i+1)*c.capacity*panel.Width])
	}
	c.keys, c.values, c.capacity = keys, values, capacity
}

// head returns the keys and values of one KV head of one layer.
func (c *cache) head(layer, head int) (keys, values []uint16) {
	i := layer*c.kvHeads + head
	k, v := c.capacity*c.headDim, c.valuePanels()*c.capacity*panel.Width
	return c.keys[i*k : (i+1)*k], c.values[i*v : (i+1)*v]
}

// store writes the key and value vectors, of D elements, of one position and KV head. scratch has D elements.
func (c *cache) store(layer, head, position int, key, value []float32, scratch []uint16) {
	keys, values := c.head(layer, head)
	kernel.ToF16(scratch, key)
	at := keys[position/panel.Width*c.headDim*panel.Width+position%panel.Width:]
	for j, v := range scratch {
		at[j*panel.Width] = v
	}
	kernel.ToF16(scratch, value)
	for j := 0; j < c.headDim; j += panel.Width {
		copy(values[j*c.capacity+position*panel.Width:], scratch[j:min(j+panel.Width, c.headDim)])
	}
}
