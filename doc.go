// Package goorgusers is the map of the module; it holds no code. Importing
// [github.com/orgusers/go-orgusers/orgusers] and one store is what most hosts do.
//
// The library gives an application the whole "Users" section of an organization: invitations,
// roles on the organization and on its stacks, removal, deactivation and deletion, forced password
// and MFA resets, ended sessions, all of it singly and in bulk, ownership transfer, plan limits,
// listings, CSV export and an audit trail. The host keeps its own database, mailer, session system
// and firewall, and plugs them in behind small interfaces, or takes those that lie beside the core.
//
// # The packages
//
//   - orgusers: the domain. The types, every rule as a function from values to values, the ports a
//     host fills, and the Service with its doors, one per kind of person: Operator, Admin, Account
//     and Visitor. It does no I/O of its own, starts no goroutine and keeps no global state.
//   - store: how to write a store for another database, in an afternoon, with a complete one.
//   - store/storetest: the suite of tests that any store runs to show that it keeps the rules.
//   - store/memstore: a store in memory, for tests and for trying things out.
//   - store/sqlstore: a store on database/sql. The host brings the driver and opens the database.
//   - mailer: the texts of every mail, plain and HTML, replaceable by kind and locale.
//   - mailer/filemailer: writes mails as .eml files into a folder, for development.
//   - mailer/smtpmailer: delivers mails over SMTP.
//   - session/scssession: ends sessions by user for hosts that keep theirs in alexedwards/scs.
//   - examples: programs to run and to copy from; start with examples/quickstart. examples/hosts has hosts with
//     more around them: a pgx pool, queues for the mails.
//   - bench: what each operation costs, beside hand-written SQL.
//   - internal/itest: the tests that need drivers, servers or other processes.
//
// Dependencies point inwards. Stores and mailers import orgusers, which imports neither, and
// nothing in a public signature has a type of a third-party package.
//
// # The modules
//
// This module requires what the rules themselves need and no database driver. The folders bench, examples,
// examples/hosts, internal/itest, mailer/smtpmailer and session/scssession are modules of their own, so that
// what they need stays out of a host's go.sum; go.work ties them together for whoever works on the repository.
// docs/adr/0001-nested-modules.md gives the reasons and the figures.
//
// # Promises
//
// At every commit an organization has exactly one owner or, where it is set up without one, at
// least one active administrator; no change takes more seats than the plan allows; and nobody gives
// more than he may. What was acknowledged is durable and what was refused changed
// nothing: a change, its audit entry and its consequences commit together. Once a removal, a
// deactivation or an ending of sessions has committed, the next check says no, on every node. And
// the cost of an operation does not grow with the people in the organization, nor the number of statements
// of a bulk with the people in it. Package orgusers says each more exactly.
package goorgusers
