// Package store is documentation: how to write an [orgusers.Store] for the database you have, in an
// afternoon. The stores beside it are memstore, in memory, and sqlstore, on
// database/sql; storetest is the suite of tests that every store passes; and examples/ownstore is a
// complete store of maps and a file, made to be read along with this text.
//
// # What a store is
//
// A store keeps things and knows no rules. It never asks who may do what, counts no seats, reads no
// clock and makes no id: whatever a decision needs it hands over in one read, and whatever a decision
// wants it writes in one transaction. So a store is short, and one rule more in the library is no line
// more in a store.
//
// # The two calls that matter
//
// [orgusers.Store.View] takes a list of what one decision may look at and returns exactly that: the
// organization, some rows of its roster, some accounts, stacks, roles. Ids that do not exist or belong
// to another organization are left out, and it is the caller who notices.
//
// [orgusers.Store.Commit] takes everything one decision wants done, as data, and does all of it or
// nothing. It is guarded by versions: the decision was made on an organization at version 7, so it is
// written only while version 7 stands.
//
// Between the two the rules run, without a transaction and without a lock. When somebody else was
// faster, Commit answers [orgusers.ErrConflict] and the service looks and decides again. The other
// methods are listings, sessions, the outbox and counters, and each is a statement or two.
//
// Signing in is a decision like any other, about an account alone: View of a Person reads the account,
// its rows, its sessions and the throttles; Commit guards the account, copies its last login to the
// rows and writes the session. [orgusers.Store.Session], on every request of the host, is a read
// without a decision, and [orgusers.Store.Seen] a write without a guard.
//
// # The five rules
//
//  1. View reads the organization, and with it the version, before anything else. What it then returns
//     may be newer than the version, which costs a conflict. Were it older, a decision on stale rows
//     would pass the guard.
//  2. The first statement of Commit is the guard, and the guard is a write: UPDATE organizations SET
//     version = version + 1, … WHERE id = ? AND version = ?. Not exactly one row is ErrConflict. SELECT … FOR UPDATE will not do: on a cluster of three it let
//     two nodes demote each other's owner in 60 rounds of 60, and the write in none. With the guard in
//     place no isolation level is relied on, and no advisory lock, trigger or partial index needed.
//  3. Accounts come next, sorted by id as they are passed, each guarded by its own version in the same
//     way: two organizations that share a person meet here, always in the same order.
//  4. All or nothing. Every guard that failed, duplicate key, serialization failure, deadlock and lock
//     that could not be had is ErrConflict, on reads too, and told apart by the engine's code and never
//     by its message. If the context ended, it is the context's error. If the connection broke while
//     committing, it is [orgusers.ErrUnknownOutcome]. Anything else means that nothing was written.
//  5. What is returned shares no memory with the store, and the store keeps none of what it was passed:
//     slices are copied on the way in and on the way out.
//
// # In which order to write one
//
//  1. The test of the next chapter. It fails from the first minute, and what it says next is what to
//     write next.
//  2. Level: return 2, the number of the contract you read. Returning [orgusers.StoreLevel] would agree
//     with every contract to come.
//  3. The tables: organizations, users, members, grants, stacks, roles, requests, audit, effects,
//     counters, sessions, IP rules. The organization comes first in every key but those of users,
//     counters, sessions and IP rules. Unique are (organization, address key) of members, the address
//     key of users, (organization, name) of stacks and of roles, (organization, id) of requests, the
//     token of sessions. Times are 64-bit microseconds since 1970, in UTC, the zero time included, which
//     is a number like any other (-62,135,596,800,000,000). Settings, plan and mail may be JSON columns;
//     an [orgusers.User] and an [orgusers.Session] may not, see below.
//  4. Commit with NewOrg, NewUsers and NewMembers, then View: go test -run 'TestStore/View'.
//  5. The guards: -run 'TestStore/(Commit|Refused)'. Each test under Refused spoils one thing in a commit
//     that has everything else in it, and requires that nothing was written.
//  6. Patches and profiles: -run 'TestStore/(Patch|Kept)'. There is a test per field, made by reflection,
//     so a field the contract grows is a test that fails and not a column somebody forgot.
//  7. Grants and Access: -run 'TestStore/(Grants|Access)'.
//  8. Sessions: -run 'TestStore/(Session|Seen|Person|IPRules)'. Begin with a Person by id; by address and
//     by token are the same read behind one more look-up. Live sessions may be counted by
//     [orgusers.Session.Live] first.
//  9. The listings: -run 'TestStore/(Members|Organizations|Audit)'. Filter in Go with
//     [orgusers.MemberFilter.Matches] first, and move it into the engine when the tests pass. Sheet and Each
//     of [orgusers.MemberQuery] only make exports faster: leave them alone until the rest is there.
//  10. Record, Touch, the outbox and the counters: -run 'TestStore/(Record|Touch|Claim|Settle|Effects|Requeue|Bump|Prune)'.
//  11. What engines do to values, and what clients do at the same time:
//     -run 'TestStore/(Values|Collation|Aliasing|Context|Race)', then all of it with -race.
//
// # Running the suite
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) orgusers.Store { return open(t) })
//	}
//
// Each test opens a store of its own, which must be empty: a schema or a database per test, or a file in
// t.TempDir. Call t.Parallel in open if they may run side by side, and close in t.Cleanup. With -short
// the races run a twentieth of their rounds; run them all before a release, on the engine and version
// you run in production, and again with whatever the host changes: isolation level, time zone, SQL mode,
// a connection pooler, client-side parameters. storetest.Share is for those: fewer rounds.
//
// # Where authors go wrong
//
// Each of these has happened, and each has a test.
//
//   - Keys compare byte by byte. The default collation of MySQL and MariaDB takes josé for jose and drops
//     trailing space; SQLite's NOCASE folds ASCII only; PostgreSQL sorts by the language of the server.
//     Use utf8mb4_bin, BINARY and COLLATE "C" on every key and every name that is sorted or unique.
//   - An UPDATE that changes no value reports 0 rows on MySQL and MariaDB. A guarded write always changes
//     its version; for the others, ask for found rows instead of changed ones.
//   - A pending row has no account and an organization may have no owner. Both are the empty string, and
//     equal: ask for the rows of "" and every invitation answers.
//   - An invitation does not name the account, so View of Members finds accounts by the address key.
//   - Microseconds get lost: some engines round, some cut, some columns keep seconds. And the zero time
//     is not the beginning of 1970. Times come back in UTC, because the rules compare them with ==.
//   - % and _ in a search are letters. Escape them, or compare with INSTR or STRPOS.
//   - Ties need an order. The positions in [orgusers.MemberKey] end in something unique; compare all of
//     it. MariaDB uses no index for (a, b) < (?, ?): write a <= ? AND (a < ? OR b < ?), and look at the
//     plan. OFFSET and COUNT read all that they skip: neither belongs on a page's path.
//   - Sort by columns of the roster itself. That is why it has copies of name and last login, and why
//     Profiles and Touch write to the rows of every organization the account is in.
//   - [orgusers.Changes] may carry a new row's grants twice, in the row and in Granted. Granted is what to
//     write. Deleting a row deletes its grants, or whoever comes back has them again.
//   - Statements have limits: 65,535 parameters on PostgreSQL, 32,766 on SQLite. Write many rows in one
//     statement, it is five times faster than one by one, but in chunks.
//   - Marshaled to JSON, accounts, second factors and sessions hide their secrets, for logs. A store that
//     keeps them as JSON loses every password. Keep the fields.
//   - A session is replaced under its id: delete first, then insert. What is asked to be deleted and is not
//     there is ErrConflict for a session, since a ticket is used once, and no error for an IP rule.
//   - A read of a Person that is three reads shows a session that ended beside a password that is new. It
//     is one statement, or one transaction on one snapshot.
//   - Last logins only rise: Touch and Profiles meet on the same rows in any order.
//   - The sessions of a deleted account are nobody's: join the account in every read of them.
//   - Claim chooses and leases in one statement or one transaction, or two workers send the same mail.
//     Settle says "where lease = ?", or a slow worker settles what another one has.
//   - Reads fail, too: under serializable isolation a plain SELECT can be told to try again. That is
//     ErrConflict, like any other.
//   - SQLite: foreign keys are off until asked for; a transaction that begins by reading cannot always
//     become one that writes, so begin it IMMEDIATE; give it a busy timeout.
//   - Foreign keys may reach from grants to members, stacks and roles of one organization, and no further:
//     built-in roles have no row, the trail outlives whom it is about, and an inviter's account may be
//     gone.
//   - Errors of an engine name hosts and statements. Wrap them, for the host's log, and put nothing of
//     them into a text of your own.
//
// # What is asked often
//
// Session and Access, on every request of the host: one statement each, by token, with the rows of its
// user, and by (organization, user). View: by primary keys and by (organization, user) and (organization, address key), and users by
// address key. A page of members: one index per order, beginning with the organization: the address key;
// folded name and id; invited at and id; last login and id; role and address key. A Person: rows and
// sessions by user. IP rules: by user, and by (organization, address, resource). Effects: (due), for
// Claim. What Prune deletes: by expiry. Nothing else needs an index, and the cost of none of these grows
// with the roster.
//
// # Sharding
//
// An organization is the natural unit: it comes first in the keys, each decision is guarded by the
// version of one, and no query spans two, but for the operator's list of them all. On an engine that
// places rows by key and has transactions across shards, place by organization and leave the rest to it.
// What does not fit into one organization is small: accounts, found by id and by address key, with
// their sessions and IP rules; counters; and the list of an account's rows, for Profiles, Touch, Organizations
// and a Person.
//
// Do not cut by hand over databases that share no transaction. Commit writes an organization and accounts
// in one, and an account guarded in one database and counted in another is a person who belongs to an
// organization that does not know it. If you must, put all organizations that share people together.
//
// # The host's own transaction
//
// A host may want a change and rows of its own to commit together. A store for that is the same store
// with the transaction's handle in place of the connection pool: Commit begins nothing and commits
// nothing, and the first statement is still the guard. sqlstore has it as WithTx. The host hands it to
// [orgusers.Service.Within], which then neither takes a lock nor tries again: on ErrConflict the host
// rolls back, everything, and starts over. Under REPEATABLE READ the transaction sees what was there when
// it began, however long ago that was; that is safe, because the guard fails then, but a host that begins
// late has fewer conflicts. Claim, Settle and Bump belong outside: a lease that others cannot see is none,
// and a counter that rolls back counts nothing.
package store

import "github.com/orgusers/go-orgusers/orgusers"

var _ orgusers.Store // what this text is about; the import is what its links go by
