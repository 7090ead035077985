// Jwt is a host whose sessions are stateless: signed tokens that no server keeps. Such a token
// cannot be taken back, so the host asks [orgusers.Service.Access] on every request, which compares
// when the person signed in with the epoch of the account. Run it with
//
//	go run ./examples/jwt
//
// # When the person signed in
//
// It stands in a claim of its own, in microseconds. Neither registered claim will do:
//
//   - iat is when the token was made. A renewed token has a new one, so whoever renews a stolen token
//     just in time would outlive the end of all sessions. The claim here is copied at every renewal.
//   - iat and OpenID's auth_time are commonly whole seconds. The epoch has microseconds and refuses
//     what began at or before it: a sign-in 0.7 s after the second that follows the end of the
//     sessions 0.3 s after it would read as earlier, and be refused until the second is over.
//
// Two more claims stand beside it, mfa_at and proved_at, for [orgusers.Actor.MFAAt] and ProvedAt: without
// them a renewed token would pass for a fresh proof of who it is, and a second factor would be lost. A
// session is renewed for twelve hours after the last proof, and no longer.
//
// A host whose issuer gives nothing better takes auth_time, or iat if tokens are never renewed, as it
// is: rounded down it errs on the refusing side. It must not be rounded up.
package main
