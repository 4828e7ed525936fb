package traefik

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tenantguard/tenantguard/e2e/internal/repo"
	"golang.org/x/mod/semver"
)

const (
	// Variable is the environment variable that names the Traefik of the tests and the demo: a
	// release, such as v3.6.25, to be built, or the path of a Traefik that is there.
	Variable = "TRAEFIK"

	// Own is the release that is built if the variable is not set.
	Own = "v3.7.13"

	// Oldest is the first release that the plugin is for.
	Oldest = "v3.6.0"
)

// Version is the release that the tests run on. It is Own if the variable's value cannot be used,
// which Binary then says.
var Version = chosen.version

var chosen, errChosen = choose(os.Getenv(Variable))

// choice is a Traefik: a release, and the path of it if it is there.
type choice struct{ version, path string }

// choose returns the Traefik that a value of the variable stands for.
func choose(value string) (choice, error) {
	if value == "" {
		return choice{version: Own}, nil
	}
	if semver.IsValid(value) {
		return checked(choice{version: value}, value)
	}

	path, err := locate(value)
	if err != nil {
		return choice{version: Own}, unusable(value, err)
	}
	version, err := askVersion(path)
	if err != nil {
		return choice{version: Own}, unusable(value, err)
	}

	return checked(choice{version, path}, value)
}

// checked refuses a release that the plugin is not for.
func checked(c choice, value string) (choice, error) {
	if semver.Compare(c.version, Oldest) < 0 {
		err := fmt.Errorf("it is %s, want %s or later", c.version, Oldest)
		return choice{version: Own}, unusable(value, err)
	}

	return c, nil
}

func unusable(value string, err error) error {
	const wayOut = "give the path of a Traefik, a release such as " + Own +
		", or leave " + Variable + " out to have " + Own + " built"

	return fmt.Errorf("%s=%q cannot be used: %w; %s", Variable, value, err, wayOut)
}

// locate returns the absolute path of a program. Make starts programs in several folders, so a
// relative path is one below the repository's root, where make itself is started.
func locate(value string) (string, error) {
	if strings.ContainsRune(value, filepath.Separator) && !filepath.IsAbs(value) {
		root, err := repo.Root()
		if err != nil {
			return "", err
		}
		value = filepath.Join(root, value)
	}
	path, err := exec.LookPath(value)
	if err != nil {
		return "", err
	}

	return filepath.Abs(path)
}

// askVersion returns the release that a program calls itself, with the v in front.
func askVersion(path string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, path, "version")
	// Of a program that is killed, children may still hold the pipe.
	command.WaitDelay = time.Second
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("running %s version: %w%s", path, err, excerpt(output))
	}

	for line := range bytes.Lines(output) {
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found || string(bytes.TrimSpace(name)) != "Version" {
			continue
		}
		said := string(bytes.TrimSpace(value))
		version := "v" + strings.TrimPrefix(said, "v")
		if !semver.IsValid(version) {
			return "", fmt.Errorf("it calls itself version %q, want one such as %q", said, Own[1:])
		}
		return version, nil
	}

	return "", errors.New("its command version prints no line \"Version: …\"" + excerpt(output))
}

// excerpt is the beginning of what a program said, for an error.
func excerpt(output []byte) string {
	first, _, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
	if first == "" {
		return ""
	}

	return fmt.Sprintf(", it says %.100q", first)
}
