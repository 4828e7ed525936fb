package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/tenantguard/tenantguard/e2e/traefik"
	"golang.org/x/mod/semver"
)

// known are releases that a module proxy serves although it may not list them.
var known = []string{"v3.6.25", traefik.Own}

// releases returns the known releases and those that the module proxy lists.
func releases(ctx context.Context) ([]string, error) {
	output, err := exec.CommandContext(ctx, "go", "list", "-m", "-versions", traefik.Module).
		Output()
	if err != nil {
		return nil, fmt.Errorf("listing the releases of Traefik: %w", err)
	}
	listed := strings.Fields(string(output))

	return append(known, listed[min(1, len(listed)):]...), nil
}

// releasesOf returns the releases of a minor version, the newest first, without prereleases.
func releasesOf(listed []string, minor string) []string {
	var all []string
	for _, release := range listed {
		if semver.MajorMinor(release) == minor && semver.Prerelease(release) == "" &&
			!slices.Contains(all, release) {
			all = append(all, release)
		}
	}
	semver.Sort(all)
	slices.Reverse(all)

	return all
}
