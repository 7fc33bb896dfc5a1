// Package quant encodes and decodes the block formats of ggml, the number formats of GGUF files.
//
// A quantized row is a sequence of blocks; a block holds small integers under one or more scales:
//
//	buf := make([]byte, quant.Q4_0.RowBytes(len(row)))
//	quant.Encode(quant.Q4_0, buf, row, nil)
//	quant.Decode(quant.Q4_0, back, buf)
//
// Decoding gives the same bits as ggml. Encoding follows the same searches, so without an importance it writes the same
// bytes as llama-quantize for every format (checked against the library). An importance, one weight for each column of
// the matrix (the mean square of what it is multiplied with), makes the search minimise the error that matters.
//
// Decoding is fast: bytes are unpacked eight at a time and become floats in vectors, with the bits of the plain loops.
// Package panel has the products of quantized weights. This one knows no tensors, files or models: which weight of a model
// gets which format is decided in package model.
package quant

import (
	"encoding/binary"
	"math"

	"github.com/seed-d24fde5f/distill/internal/half"
)

// Panics of this package: a caller's bug, never a file's content.
const (
	errType       = "quant: unknown type"
	errLength     = "quant: length of bytes and elements disagree"
	errImportance = "quant: importance must have one weight per element"
)

// Encode writes src in format t to dst, which must have t.RowBytes(len(src)) bytes. Without importance src may hold
// several rows; with it, src is one row and importance has its length. Formats without a search ignore it.
func Encode(t Type, dst []byte, src []float32, importance []float32) {
	check(t, dst, src)
	if importance != nil && len(importance) != len(src) {
		panic(errImportance)
	}
	switch t {
	case F32:
		for i, x := range src {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(x))
		}
	case F16:
		half.EncodeF16(dst, src)
	case BF16:
		half.EncodeBF16(dst, src)
	case Q8_0, Q4_0, Q4_1, Q5_0, Q5_1:
		encodeBlocks(t, dst, src, importance)
	default:
		encodeSuper(t, dst, src, importance)
	}
}

// Decode reads len(dst) elements of format t from src, which must have t.RowBytes(len(dst)) bytes.
func Decode(t Type, dst []float32, src []byte) {
	check(t, src, dst)
	switch t {
	case F32, F16, BF16:
		decodeFloats(t, dst, src)
	default:
		decodeLevels(t, dst, src)
	}
}

func check(t Type, b []byte, f []float32) {
	if !t.Known() {
		panic(errType)
	}
	if !t.Fits(len(f)) || len(b) != t.RowBytes(len(f)) {
		panic(errLength)
	}
}
