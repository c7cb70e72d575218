package main

import (
	"encoding/binary"
	"fmt"
	"os"
)

// Value types, the one tensor type and the alignment of GGUF version 3
// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
const (
	ggufVersion   = 3
	ggufAlignment = 32

	typeUint32  = 4
	typeInt32   = 5
	typeFloat32 = 6
	typeBool    = 7
	typeString  = 8
	typeArray   = 9

	tensorF32 = 0
)

// gguf collects a model's metadata and tensors.
type gguf struct {
	metadata []byte
	keys     uint64
	tensors  []tensor
}

type tensor struct {
	name  string
	shape []uint64 // row length first
	data  []float32
}

// set adds one metadata value. It panics on a type that GGUF knows and this
// writer does not: a mistake in the calling code.
func (g *gguf) set(key string, value any) {
	g.keys++
	b := appendString(g.metadata, key)
	switch v := value.(type) {
	case string:
		b = appendString(appendLE(b, uint32(typeString)), v)
	case int:
		b = appendLE(b, uint32(typeUint32), uint32(v))
	case float32:
		b = appendLE(b, uint32(typeFloat32), v)
	case bool:
		b = appendLE(b, uint32(typeBool), v)
	case []string:
		b = appendLE(b, uint32(typeArray), uint32(typeString), uint64(len(v)))
		for _, s := range v {
			b = appendString(b, s)
		}
	case []float32:
		b = appendLE(b, uint32(typeArray), uint32(typeFloat32), uint64(len(v)), v)
	case []int32:
		b = appendLE(b, uint32(typeArray), uint32(typeInt32), uint64(len(v)), v)
	default:
		panic(fmt.Sprintf("gguf: no value type for %s (%T)", key, value))
	}
	g.metadata = b
}

// add appends a tensor. It panics when data does not fill shape.
func (g *gguf) add(name string, data []float32, shape ...uint64) {
	n := uint64(1)
	for _, d := range shape {
		n *= d
	}
	if n != uint64(len(data)) {
		panic(fmt.Sprintf("gguf: %s: shape %v holds %d values, not %d", name, shape, n, len(data)))
	}
	g.tensors = append(g.tensors, tensor{name, shape, data})
}

// bytes lays the file out: header, metadata, tensor descriptions, tensor data.
func (g *gguf) bytes() []byte {
	b := appendLE([]byte("GGUF"), uint32(ggufVersion), uint64(len(g.tensors)), g.keys)
	b = append(b, g.metadata...)
	var offset uint64
	for _, t := range g.tensors {
		b = appendLE(appendString(b, t.name), uint32(len(t.shape)), t.shape, uint32(tensorF32), offset)
		offset += roundUp(4 * uint64(len(t.data)))
	}
	b = pad(b)
	for _, t := range g.tensors {
		b = pad(appendLE(b, t.data))
	}
	return b
}

func (g *gguf) write(path string) error {
	return os.WriteFile(path, g.bytes(), 0o600)
}

func roundUp(n uint64) uint64 {
	return (n + ggufAlignment - 1) / ggufAlignment * ggufAlignment
}

func pad(b []byte) []byte {
	return append(b, make([]byte, roundUp(uint64(len(b)))-uint64(len(b)))...)
}

func appendString(b []byte, s string) []byte {
	return append(appendLE(b, uint64(len(s))), s...)
}

// appendLE panics on values without a fixed size.
func appendLE(b []byte, values ...any) []byte {
	for _, v := range values {
		var err error
		if b, err = binary.Append(b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return b
}
