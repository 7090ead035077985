// Package modeltest drives the service on several stores, and a model of the rule book, through the
// same random steps, and compares after each one.
//
// # What is compared
//
// Every answer: which error with which reason and numbers, and how it ended for each person. Every
// state: the organizations with tally, owner, settings, plan, pending transfer and the length of the
// audit chain; everybody on the rosters with role, status, roles on stacks, inviter and all times;
// stacks, roles, accounts, the outbox; what each person that ever was may do where. Every mail that
// leaves. At the end of a run, every audit trail.
//
// Between two stores all of this must be the same to the last byte, ids and versions included: every
// store has a service with the same clock, keys and order of ids. With the model it must agree in
// the model's words.
//
// # The model
//
// The files model*.go know no store, no version, no patch and none of the library's code. They keep
// maps, count rows, and follow sections 1 to 6, 9 and 12 of the rule book and the defaults of section
// 15. If the library and the model disagree, one of them has the rule wrong: read the rule.
//
// # Running it
//
//	go test ./internal/modeltest                                   60 runs of 50 steps on average
//	go test ./internal/modeltest -rapid.checks=500
//	go test ./internal/modeltest -rapid.seed=N                     a run again
//	go test ./internal/modeltest -rapid.failfile=…                 a shortened run again
//	go test ./internal/modeltest -v -rapid.v                       with every step
//
// -rapid.steps is the average length of a run. With ORGUSERS_SOAK set there are 500 runs. A failing
// run is made as short as can be, and printed step by step, each with the answer it got; what people
// are called there is their address, everything else goes by the model's numbers.
//
// Hashing a password costs more than a hundred steps, so six of the eight people have proved accounts
// from the start, and only one run in ten hashes passwords at all.
package modeltest
