// Package memstore keeps everything in memory: a complete [orgusers.Store] for tests, for
// demonstrations and for hosts that lose nothing by forgetting. A restart forgets all.
//
// It is safe for concurrent use. A commit checks everything before it writes anything, under one
// lock, so it is all or nothing by construction, and what it returns shares no memory with what it
// keeps. The cost of a View, a Commit, an Access and an unfiltered page does not depend on the size
// of the organization: everything a decision looks up has a map, and every order of the roster has
// a sorted index. Filtered pages walk the roster in order until the page is full.
package memstore
