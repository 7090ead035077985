// Package itest tests the library against the world: real databases through their drivers, other
// processes, faults and crashes. It is a module of its own, so that what those tests need never
// becomes part of a host's build, and it lies under internal because nobody else may depend on it.
package itest
