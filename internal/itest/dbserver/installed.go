package dbserver

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// installed finds a program in PATH, else where packages put it without adding the folder to PATH. Of
// several versions there it takes the newest; who wants another puts that one into PATH.
func installed(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return filepath.Abs(path)
	}
	return newest(
		"/usr/lib/postgresql/*/bin/"+program, // Debian
		"/usr/pgsql-*/bin/"+program,          // Red Hat
		"/usr/local/bin/"+program,
		"/usr/local/sbin/"+program,
		"/usr/sbin/"+program,
		"/usr/libexec/"+program,
		"/opt/homebrew/opt/*/bin/"+program,
	)
}

// newest finds a file by the first pattern that has any; with several it takes the one with the
// highest number in its path.
func newest(patterns ...string) (string, error) {
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		found = slices.DeleteFunc(found, func(path string) bool {
			info, err := os.Stat(path)
			return err != nil || info.IsDir()
		})
		if len(found) > 0 {
			return slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(number(a), number(b)) }), nil
		}
	}
	return "", fmt.Errorf("%s: %w", filepath.Base(patterns[0]), errNotInstalled)
}

// number is the first number in the text, or 0.
func number(text string) int {
	n, err := strconv.Atoi(regexp.MustCompile(`[0-9]+`).FindString(text))
	if err != nil {
		return 0
	}
	return n
}
