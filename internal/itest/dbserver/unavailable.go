package dbserver

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// The failures that may be skipped: nothing was tested, and nothing is broken.
var (
	errNotInstalled = errors.New("not installed")
	errUnwanted     = errors.New("ORGUSERS_WITHOUT_SERVERS is 1")
)

// unavailable ends the test: it fails, or is skipped if the engine is absent and nobody demands it.
func unavailable(tb testing.TB, engine string, err error) {
	tb.Helper()
	if !errors.Is(err, errNotInstalled) && !errors.Is(err, errUnwanted) {
		tb.Fatalf("%s does not start: %v", engine, err)
	}
	if required() {
		tb.Fatalf("%s must be tested here, but: %v (scripts/setup.sh installs it)", engine, err)
	}
	// The testing package shows a skip only on request, so the line goes to standard error as well.
	fmt.Fprintf(os.Stderr, "*** NOT TESTED ON %s (%s): %v\n", engine, tb.Name(), err)
	tb.Skipf("*** NOT TESTED ON %s: %v (scripts/setup.sh installs it)", engine, err)
}

// required tells whether an engine that is absent is a failure.
func required() bool {
	return os.Getenv("CI") != "" || os.Getenv("ORGUSERS_REQUIRE_DATABASES") == "1"
}
