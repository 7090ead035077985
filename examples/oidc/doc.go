// Oidc is a host whose people come by single sign-on, with OpenID Connect. Checking what a provider
// says is the host's part; it ends with an [Assertion], which [Host.SignIn] hands to
// [orgusers.Visitor.SignInSSO]: who may come in, and with which roles, is decided there.
// The example starts a small provider of its own. Run it with
//
//	go run ./examples/oidc
//
// [Relying] is what to copy: the authorization code flow with PKCE, state and nonce, on
// coreos/go-oidc and golang.org/x/oauth2. What it takes care of beside the library:
//
//   - An answer belongs to the browser that asked (a cookie beside the state), once, for ten minutes.
//   - The algorithm is set by the host, neither by the token nor by what the provider announces.
//   - The nonce, the authorized party and, where the answer has one, the issuer are compared.
//
// A provider lets in whom it has asked for nothing today. So what needs a fresh proof is not got by signing in
// again, but by having the provider ask (max_age) and reading when it did (auth_time); see [Host.Demand].
//
// A person is who the issuer's subject says. The address is for show and for invitations, and only
// if the provider has verified it; addresses change hands.
//
// [Provider] is no example of a provider: it believes whoever says a name.
package main
