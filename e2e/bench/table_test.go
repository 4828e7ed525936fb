package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestQuantile(t *testing.T) {
	hundred := sample{}
	for i := range 100 {
		hundred = append(hundred, float64(99-i))
	}
	rows := []struct {
		description string
		values      sample
		part, want  float64
	}{
		{"nothing", nil, 0.5, 0},
		{"one", sample{7}, 0.99, 7},
		{"the middle of three", sample{3, 1, 2}, 0.5, 2},
		{"what 99 of 100 are below", hundred, 0.99, 99},
		{"the highest", hundred, 1, 99},
	}
	for _, row := range rows {
		assert.Equal(t, row.want, row.values.quantile(row.part), row.description)
	}
}

func TestRoundsAreComparedWithTheOneBeside(t *testing.T) {
	base, guard := sample{1, 10, 100}, sample{2, 20, 400}
	assert.Equal(t, sample{2, 2, 4}, guard.over(base))
	assert.Equal(t, sample{1, 10, 300}, guard.minus(base))
	assert.Equal(t, 2.0, ratio(1, "", base, guard, 1).value)
}

func TestShort(t *testing.T) {
	rows := map[float64]string{
		0: "0", 0.034: "0.03", 1.5: "1.50", -1.5: "-1.50", 12.34: "12.3", 123.4: "123",
		-123: "-123",
	}
	for value, want := range rows {
		assert.Equal(t, want, short(value))
	}
}
