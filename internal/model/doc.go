// Package model knows the Llama family: its shapes, the names of its weights in both containers, and how a model is
// opened, quantized and written.
package model
