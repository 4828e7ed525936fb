package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	write := func(name string, size int64) {
		if err := os.WriteFile(in(name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(in(name), size); err != nil {
			t.Fatal(err)
		}
	}
	write("policy", 2)
	write("empty", 0)
	write("largest", Most)
	write("larger", Most+1)
	if err := os.Symlink(in("policy"), in("link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", in("endless")); err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		description, path string
		size              int
		problem           string
	}{
		{"a file", in("policy"), 2, ""},
		{"a link to one, as in a ConfigMap", in("link"), 2, ""},
		{"an empty one", in("empty"), 0, ""},
		{"the largest", in("largest"), Most, ""},
		{"a larger one", in("larger"), 0, "has more than 16777216 bytes"},
		{"one whose size the system does not say", "/proc/self/status", -1, ""},
		{"none", in("none"), 0, "no such file"},
		{"a folder", folder, 0, "is a directory"},
		{"a link to a device that never ends", in("endless"), 0, "want a regular file"},
	}
	for _, row := range rows {
		content, err := Read(row.path)
		if row.problem != "" {
			if err == nil || !strings.Contains(err.Error(), row.problem) || content != nil {
				t.Errorf("%s: %d bytes, error %v, want %q",
					row.description, len(content), err, row.problem)
			}
			continue
		}
		if err != nil || len(content) != row.size && (row.size >= 0 || len(content) == 0) {
			t.Errorf("%s: %d bytes, error %v, want %d",
				row.description, len(content), err, row.size)
		}
	}
}
