package lab

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseUsage(t *testing.T) {
	const stat = "7 (a b) c) S 1 7 7 0 -1 4194560 9 0 0 0 12 3 5 6 20 0 9 0 33 1 2\n"
	const memory = "5580-7ff [rollup]\nRss:  2048 kB\nPss:  1024 kB\nPss_Dirty: 5 kB\n"
	rows := []struct {
		description, stat, memory string
		want                      Usage
		err                       string
	}{
		{"a process", stat, memory,
			Usage{CPU: 150 * time.Millisecond, Resident: 2 << 20, Proportional: 1 << 20}, ""},
		{"a stat that is cut", "7 (a) S 1 7", memory, Usage{}, "want 15 fields"},
		{"a stat with another field", "7 (a) S 1 7 7 0 1 4 9 0 0 0 x 3 5", memory, Usage{}, "x"},
		{"a rollup without Pss", stat, "Rss:  2048 kB\n", Usage{}, "Rss and Pss"},
	}
	for _, row := range rows {
		got, err := parseUsage(row.stat, row.memory)
		if row.err != "" {
			require.ErrorContains(t, err, row.err, row.description)
			continue
		}
		require.NoError(t, err, row.description)
		assert.Equal(t, row.want, got, row.description)
	}
}
