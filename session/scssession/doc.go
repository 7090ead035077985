// Package scssession lets a host that keeps its sessions in alexedwards/scs end them by user: it is
// an [orgusers.Sessions] for scs version 2.
//
//	manager := scs.New()
//	manager.Store = postgresstore.New(db) // any store of scs
//	manager.HashTokenInStore = true
//	index, err := scssession.NewSQLIndex(db, sqlstore.PostgreSQL())
//	…
//	sessions, err := scssession.New(manager, scssession.Config{Index: index})
//	…
//	svc, err := orgusers.New(orgusers.Config{Sessions: sessions, …})
//
// In the handler that has found out who somebody is, inside the manager's LoadAndSave:
//
//	err := sessions.SignIn(r.Context(), orgusers.Actor{User: user}) // MFAAt, if a second factor was given
//
// and in every other one:
//
//	actor, ok := sessions.Actor(r.Context())
//	…
//	access, err := svc.Access(r.Context(), actor, org)
//
// Whatever of [orgusers.Account] returns an [orgusers.Renewed] has ended the session, or was a proof of who
// it is. It goes on by
//
//	err := sessions.Renew(r.Context(), renewed)
//
// and not by SignIn, which is for who has given a credential: what needs a fresh proof would take it for one.
// To sign somebody out is the manager's Destroy; the index follows.
//
// # The index
//
// scs finds a session by its token and by nothing else; finding those of one user means decoding all
// of them, which took 3.2 s for 100,000. So [New] puts itself between the manager and its store: what
// is committed with a person in it is noted in an [Index], what is deleted leaves it. The host calls
// nothing for that and cannot forget it: [Sessions.SignIn] refuses if the manager's store has been
// replaced since. [NewMemoryIndex] is for a single process whose sessions are in memory too,
// [NewSQLIndex] for a database.
//
// A session that begins costs four small statements of the index, a request that leaves its session
// unchanged none, and one that changes it a single read. With the manager's IdleTimeout every request
// changes its session.
//
// # What is promised
//
//   - Access is cut when the operation commits, by the epoch ([orgusers.User.SessionsValidFrom])
//     that [orgusers.Service.Access] compares with [orgusers.Actor.SignedInAt]. Ending the session
//     here follows with the outbox; until then it is known and useless.
//   - [Sessions.End] ends what began at or before its time and nothing younger. A request that is
//     under way meanwhile, and that scs would save afterwards, does not bring its session back.
//   - The token is known to the person's browser and to nobody else: store and index have its hash
//     (S-134), the audit trail a name made from it in another way.
//   - The token changes when somebody signs in or is renewed (S-133). A renewal ends when the session
//     would have.
//
// The clocks of hosts that share a store should agree: a sign-in on a machine that is a second
// behind is refused within that second after the person's sessions were ended.
package scssession
