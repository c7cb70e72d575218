package main

import (
	"math"
	"math/rand/v2"
)

// constant is n times v.
func constant(n uint64, v float32) []float32 {
	data := make([]float32, n)
	for i := range data {
		data[i] = v
	}
	return data
}

// gauss is n normal random values with the spread 1/√fanIn.
func gauss(r *rand.Rand, n, fanIn uint64) []float32 {
	data, spread := make([]float32, n), 1/math.Sqrt(float64(fanIn))
	for i := range data {
		data[i] = float32(r.NormFloat64() * spread)
	}
	return data
}
