// Package faultdriver puts itself between database/sql and a real driver. It counts what is run and,
// when told to, makes the n-th call fail in one of the ways a database can fail: before or after the
// work was done, with the connection lost, or with the caller's context ended meanwhile.
//
//	db, control := faultdriver.Open("sqlite", dsn)
//	control.FailAt(3, faultdriver.LostAfter)
//	err := operation(db)
//	require.True(t, control.Fired())
//
// It hides nothing of the driver beneath: every optional interface that database/sql asks for is
// passed on.
package faultdriver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Mode is a way to fail.
type Mode int

const (
	FailBefore   Mode = iota + 1 // not run; an error without a code
	FailAfter                    // run, then an error without a code
	LostBefore                   // the connection is lost, the call not run, an open transaction undone
	LostAfter                    // run (a COMMIT commits), then the connection is lost
	BadConn                      // not run; driver.ErrBadConn, the driver's word that nothing happened
	CancelBefore                 // the context set by CancelWith ends, then the call is run
	CancelDuring                 // the context ends while the call is run, or a moment before or after
	CancelAfter                  // run, then the context ends
)

// Modes are all of them, for sweeps.
func Modes() []Mode {
	return []Mode{FailBefore, FailAfter, LostBefore, LostAfter, BadConn, CancelBefore, CancelDuring, CancelAfter}
}

func (m Mode) String() string {
	switch m {
	case FailBefore:
		return "fail before"
	case FailAfter:
		return "fail after"
	case LostBefore:
		return "lost before"
	case LostAfter:
		return "lost after"
	case BadConn:
		return "bad connection"
	case CancelBefore:
		return "cancel before"
	case CancelDuring:
		return "cancel during"
	case CancelAfter:
		return "cancel after"
	}
	return fmt.Sprintf("Mode(%d)", int(m))
}

// ErrInjected is the error of FailBefore and FailAfter, unless FailWith named another.
var ErrInjected = errors.New("faultdriver: injected failure")

// ErrLost is the error of LostBefore and LostAfter.
var ErrLost = errors.New("faultdriver: connection lost")

// The names under which a transaction's own calls appear in [Control.Calls].
const (
	Begin    = "BEGIN"
	Commit   = "COMMIT"
	Rollback = "ROLLBACK"
)

// Control tells what was run and plans what fails. It is safe for use by many goroutines.
type Control struct {
	mu     sync.Mutex
	calls  []string
	at     int // the call that fails, from 1; 0: none
	mode   Mode
	err    error
	onward bool // and all after it
	fired  bool
	cancel context.CancelFunc
	hook   func(n int, call string)
	change func(statement string) string
}

// Reset forgets the calls and the plan.
func (c *Control) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls, c.at, c.mode, c.err, c.onward, c.fired, c.cancel, c.hook, c.change = nil, 0, 0, nil, false, false, nil, nil, nil
}

// Calls returns everything run since the last Reset in its order: statements, BEGIN, COMMIT and
// ROLLBACK. FailAt counts these.
func (c *Control) Calls() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

// Statements returns the statements among the calls, without BEGIN, COMMIT and ROLLBACK: what a
// budget counts.
func (c *Control) Statements() []string {
	return slices.DeleteFunc(c.Calls(), func(s string) bool { return s == Begin || s == Commit || s == Rollback })
}

// FailAt makes the n-th call from now on (from 1) fail once. A call that is never reached does not
// fail; see Fired.
func (c *Control) FailAt(n int, mode Mode) { c.plan(n, mode, nil, false) }

// FailFrom makes the n-th call and all after it fail, until Reset.
func (c *Control) FailFrom(n int, mode Mode) { c.plan(n, mode, nil, true) }

// FailWith makes the n-th call fail with this error, which the real driver never sees.
func (c *Control) FailWith(n int, err error) { c.plan(n, FailBefore, err, false) }

func (c *Control) plan(n int, mode Mode, err error, onward bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls, c.at, c.mode, c.err, c.onward, c.fired = nil, n, mode, err, onward, false
}

// Cancels reports whether it is the caller's context that ends, and nothing fails by itself.
func (m Mode) Cancels() bool { return m == CancelBefore || m == CancelDuring || m == CancelAfter }

// CancelWith names what the modes that cancel call.
func (c *Control) CancelWith(cancel context.CancelFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel = cancel
}

// Fired reports whether the planned failure has happened.
func (c *Control) Fired() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fired
}

// OnCall has f called before each call, outside any lock: a place for barriers. nil: no more.
func (c *Control) OnCall(f func(n int, call string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hook = f
}

// Rewrite has f change statements on their way to the driver, so that a database can play another one.
// nil: no more.
func (c *Control) Rewrite(f func(statement string) string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.change = f
}

func (c *Control) rewritten(statement string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.change == nil {
		return statement
	}
	return c.change(statement)
}

// count notes a call and returns its number and how it shall fail.
func (c *Control) count(call string) (n int, mode Mode, cancel context.CancelFunc, err error) {
	c.mu.Lock()
	c.calls = append(c.calls, call)
	n = len(c.calls)
	hook := c.hook
	if c.at != 0 && (n == c.at || c.onward && n > c.at) {
		c.fired, mode, err, cancel = true, c.mode, c.err, c.cancel
	}
	c.mu.Unlock()
	if hook != nil {
		hook(n, call)
	}
	if err == nil {
		err = ErrInjected
	}
	if cancel == nil {
		cancel = func() {}
	}
	return n, mode, cancel, err
}

// uncount takes back the n-th call: the driver has passed it on to a prepared statement, which will
// count.
func (c *Control) uncount(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = slices.Delete(c.calls, n-1, n)
	if c.at == n {
		c.fired = false
	}
}
