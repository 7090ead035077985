// Package orgusers is the Users section of an organization, as a library: invite people, give them
// roles, remove, deactivate and delete them, force password resets, reset MFA, end sessions, hand
// over the ownership, keep to the plan, export, and keep an audit trail.
//
// # Wiring
//
// The host brings a store, a mailer, keys and its base URL:
//
//	svc, err := orgusers.New(orgusers.Config{
//		Store:  store,                                  // store/sqlstore, store/memstore, or your own
//		Mailer: mailer,                                 // mailer/smtpmailer, or anything with Send(ctx, orgusers.Mail) error
//		Keys:   []orgusers.Key{key},                    // 32 random bytes, kept outside the database
//		Links:  orgusers.Links{Base: "https://app.example.com/users"},
//	})
//	go svc.Run(ctx, 0)                                  // or call Dispatch from your own worker
//
// # Doors
//
// What most callers need is a door, one per kind of person, bound to who is asking:
//
//   - [Service.Admin]: the owner and admins of one organization. Invite, [Admin.Apply] an
//     [Operation] to one person or many, list, export, hand over.
//   - [Service.Operator]: the vendor's support. Create, rename, disable organizations; plans; gates.
//   - [Service.Account]: a signed-in person's own affairs.
//   - [Service.Visitor]: who is not signed in: signs in, has forgotten a password, or holds a link from a mail.
//   - [Service.Access]: what middleware asks on each request: one read, then checks without I/O.
//
// A door is a small value that caches no right: each call reads anew whether its actor may.
//
// # Signing in
//
// There are two ways to the [Actor] that a door is bound to:
//
//   - [Visitor.SignIn], or after single sign-on [Visitor.SignInSSO]. The answer is a [Step]: a code, a new
//     password or a second factor is needed next, which is given with the ticket in [SignIn.Token], or it is
//     done and Token is the session's. [Service.Authenticate] makes the Actor of it on each request. Wrong tries
//     are counted here, by account, device and address, and answered with growing delays.
//   - The host's own sign-in and sessions: it fills User, SignedInAt, MFAAt and ProvedAt itself, counts
//     tries itself, and calls [Service.SignedIn] once per sign-in. session/scssession keeps all that in
//     alexedwards/scs, examples/jwt in a token.
//
// Nothing else leads to a session: no mailed link does. [ErrReauth] asks for a fresh proof: [Account.Prove], or
// of who came by single sign-on another sign-in for which the provider has asked. After a call that returns a
// [Renewed] the session goes on with what it says: a registry's under its Token, the host's own with its times.
//
// # What a host must do
//
//   - Bind each door to the right Actor: this package reads no header and no cookie.
//   - Ask [Service.Access] on every request, and keep no answer longer than the request.
//   - Guard the Operator door.
//   - Run the outbox: [Service.Run] or [Service.Dispatch]; and [Operator.Prune] once a day. Nothing runs by itself.
//   - On the pages behind mailed links: send Referrer-Policy: no-referrer, inspect on GET and act on POST only,
//     since mail scanners open links.
//
// # Promises
//
//  1. At every commit an organization has exactly one owner (an owner-less one, at least one active
//     administrator), no change takes more seats than the plan allows, and nobody gives more than
//     he may.
//  2. What was acknowledged is durable; what was refused changed nothing. The audit entry and every
//     consequence commit with the change, or not at all. A call that returned an error changed
//     nothing, unless the error is [ErrUnknownOutcome]; with a request id it can be repeated.
//  3. Cutting access is immediate: once a removal, deactivation or [EndSessions] has committed, the
//     next check says no, on every node.
//  4. What an operation costs does not depend on how many people the organization has, and a bulk takes
//     the same number of statements for one person as for five hundred. Two things grow with something: what
//     compares names, or takes a role away everywhere, reads the organization's stacks ([Admin.CreateStack],
//     [Admin.RenameStack], [Admin.DeleteRole]) or custom roles; and a page of a filter that few people match
//     walks past those who do not ([Store.Members]).
//
// If the process dies after a commit, its mails go out when [Service.Run] is next called, anywhere.
//
// # How it is made
//
// All rules are pure: [Decide] goes from a [View] (what was read), an actor and a [Command] to
// [Changes] and a [Report]. [Service] reads the view, decides, and commits under the organization's
// version; if another process was faster, it decides again. A [Store] knows no rules.
//
// Rule numbers such as R6.5, Q4, C9 or S-041 name the entries of the project's rule book and threat
// catalogue that a piece of code carries out.
package orgusers
