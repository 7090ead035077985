// Package examples holds complete programs that embed the library, one folder each. They are a
// module of their own, so that the database drivers and servers they use never become part of a
// host's build. From the root of the repository, go run ./examples/quickstart needs only Go.
package examples
