// Command columns lists the lines of Go files, comments and code alike, that are too long to read
// in one go. It fails if there are any.
package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

const (
	// most is how many columns a line may have.
	most = 100
	// tab is how many of them a tab takes.
	tab = 4
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "columns: want one folder")
		os.Exit(2)
	}
	long, err := list(os.Args[1], os.Stdout)
	if err == nil && long > 0 {
		err = fmt.Errorf("%d lines have over %d columns, a tab counting as %d", long, most, tab)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "columns:", err)
		os.Exit(1)
	}
}

// list prints the long lines of all Go files in a folder and below, and returns how many there are.
func list(root string, out io.Writer) (int, error) {
	long := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && path != root && strings.HasPrefix(name, ".") {
			return fs.SkipDir // .git and .cache
		}
		if !entry.Type().IsRegular() || filepath.Ext(name) != ".go" {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		shown, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}

		number := 0
		for line := range strings.Lines(string(content)) {
			number++
			if n := columns(line); n > most {
				long++
				fmt.Fprintf(out, "%s:%d: %d columns\n", shown, number, n)
			}
		}
		return nil
	})

	return long, err
}

// columns is how wide a line is.
func columns(line string) int {
	line = strings.TrimRight(line, "\r\n")
	return utf8.RuneCountInString(line) + (tab-1)*strings.Count(line, "\t")
}
