package world

import (
	"encoding/base64"
	"fmt"
	"sync"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/argon2"

	"github.com/orgusers/go-orgusers/orgusers"
)

// What follows looks and reaches behind the doors, where a test has no other way.

// User reads an account.
func (w *World) User(user orgusers.UserID) orgusers.User {
	w.T.Helper()
	v, err := w.Store.View(Ctx(), orgusers.ViewQuery{Users: []orgusers.UserID{user}})
	require.NoError(w.T, err)
	require.Len(w.T, v.Users, 1)
	return v.Users[0]
}

// PatchUser changes an account.
func (w *World) PatchUser(user orgusers.UserID, patch orgusers.UserPatch) {
	w.T.Helper()
	u := w.User(user)
	require.NoError(w.T, w.Store.Commit(Ctx(), orgusers.Changes{Users: []orgusers.UserUpdate{{ID: u.ID, Version: u.Version, Patch: patch}}}))
}

// PatchMember changes a row of a roster behind the service's back.
func (w *World) PatchMember(id orgusers.OrgID, member orgusers.MemberID, patch orgusers.MemberPatch) {
	w.T.Helper()
	v, err := w.Store.View(Ctx(), orgusers.ViewQuery{Org: id})
	require.NoError(w.T, err)
	c := orgusers.Changes{Org: &v.Org, Members: []orgusers.MemberUpdate{{ID: member, Patch: patch}}}
	require.NoError(w.T, w.Store.Commit(Ctx(), c))
}

// PatchOrg changes an organization behind the service's back.
func (w *World) PatchOrg(id orgusers.OrgID, change func(o *orgusers.Organization)) {
	w.T.Helper()
	v, err := w.Store.View(Ctx(), orgusers.ViewQuery{Org: id})
	require.NoError(w.T, err)
	change(&v.Org)
	require.NoError(w.T, w.Store.Commit(Ctx(), orgusers.Changes{Org: &v.Org}))
}

// Trail reads the audit trail of an organization, oldest first; with "" that of account matters.
func (w *World) Trail(org orgusers.OrgID) []orgusers.AuditEntry {
	w.T.Helper()
	entries, err := w.Store.Audit(Ctx(), orgusers.AuditQuery{Org: org, Limit: 100_000})
	require.NoError(w.T, err)
	return entries
}

// Outbox reads the effects that are still to be carried out, or those that were given up.
func (w *World) Outbox(dead bool) []orgusers.Effect {
	w.T.Helper()
	effects, err := w.Store.Effects(Ctx(), orgusers.EffectQuery{Dead: dead, Limit: 100_000})
	require.NoError(w.T, err)
	return effects
}

// CheapHash is a hash of [Password] that is quick to check: it has the least memory accepted.
func CheapHash() orgusers.PasswordHash { return cheapHash() }

// GoodHash is a hash of [Password] as the library makes it, so that a sign-in leaves it as it is.
func GoodHash() orgusers.PasswordHash { return goodHash() }

var (
	cheapHash = sync.OnceValue(func() orgusers.PasswordHash { return Hash(8<<10, 1) })
	goodHash  = sync.OnceValue(func() orgusers.PasswordHash { return Hash(19<<10, 2) })
)

// Hash is a hash of [Password] with as much memory, in KiB, and as many passes.
func Hash(memory, times uint32) orgusers.PasswordHash {
	salt := []byte("saltsaltsaltsalt")
	key := argon2.IDKey([]byte(Password), salt, times, memory, 1, 32)
	enc := base64.RawStdEncoding.EncodeToString
	return orgusers.PasswordHash(fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=1$%s$%s", memory, times, enc(salt), enc(key)))
}
