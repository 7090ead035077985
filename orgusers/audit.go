package orgusers

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"time"
)

// AuditEntry says who did what to whom, when, from where, and how it ended (R10.4). It never holds
// a secret (S-211).
//
// Entries of changes form a chain per organization: each seal covers the entry and the seal before
// it, and the organization's row keeps the last ([Organization.AuditHead]). What changed nothing
// (a refusal, an export) is recorded beside the chain: its own seal covers it alone, so an edit is
// found but a deletion is not. That is the price of never letting a refused call wait for, or hold
// up, the organization's version.
type AuditEntry struct {
	ID        EntryID
	Org       OrgID // empty: account matters, which belong to no organization (S-167)
	Seq       int64 // place in the chain; beside the chain: the chain's length at the time
	Chained   bool
	At        time.Time
	Operation OperationID // shared by all entries of one call
	Action    Action
	Result    Result
	Reason    Reason

	Actor      UserID // from the authenticated caller, never from input (S-208)
	ActorEmail string
	ActorRole  string // "owner", "admin", "member", "operator", "link", "visitor", "provider"
	Session    string
	IP         netip.Addr
	Agent      string
	Request    string

	Member MemberID // whom it is about, from the row acted on
	User   UserID
	Email  string // of that row
	Object string // what it is about, if not a person: a stack's or role's id, a count
	Before string // the part that changed, as it was: "role=member"
	After  string

	Seal string // HMAC-SHA-256 in hex under the audit key
}

// seal computes the entry's seal under the seal before it.
func (k *keyring) seal(e *AuditEntry, prev string) string {
	parts := e.sealed(prev)
	return hex.EncodeToString(k.mac(purposeAudit, parts[:]...))
}

// sealedRight checks a seal under any of the keys. Only the spelling that seal writes is right.
func (k *keyring) sealedRight(e *AuditEntry, prev string) bool {
	mac, err := hex.DecodeString(e.Seal)
	parts := e.sealed(prev)
	return err == nil && len(mac) == 32 && hex.EncodeToString(mac) == e.Seal && k.verify(purposeAudit, mac, parts[:]...)
}

// sealed lists every field that the seal covers, in a fixed order. The keyring puts each one's
// length before it, so that no two entries read the same.
func (e *AuditEntry) sealed(prev string) (parts [24][]byte) {
	ip := ""
	if e.IP.IsValid() {
		ip = e.IP.String()
	}
	fields := [len(parts)]string{
		"v1", prev, string(e.ID), string(e.Org), strconv.FormatInt(e.Seq, 10), strconv.FormatBool(e.Chained),
		strconv.FormatInt(e.At.UnixMicro(), 10), string(e.Operation), string(e.Action), string(e.Result), string(e.Reason),
		string(e.Actor), e.ActorEmail, e.ActorRole, e.Session, ip, e.Agent, e.Request,
		string(e.Member), string(e.User), e.Email, e.Object, e.Before, e.After,
	}
	n := 0
	for _, f := range fields {
		n += len(f)
	}
	all := make([]byte, 0, n)
	for i, f := range fields {
		begin := len(all)
		all = append(all, f...)
		parts[i] = all[begin:]
	}
	return parts
}

// chain numbers and seals entries as the next ones of the organization's chain.
func (k *keyring) chain(org *Organization, entries []AuditEntry) {
	for i := range entries {
		e := &entries[i]
		org.AuditSeq++
		e.Seq, e.Chained = org.AuditSeq, true
		e.Seal = k.seal(e, org.AuditHead)
		org.AuditHead = e.Seal
	}
}

// note seals entries that stand beside the chain.
func (k *keyring) note(entries []AuditEntry) {
	for i := range entries {
		e := &entries[i]
		e.Chained = false
		e.Seal = k.seal(e, "")
	}
}
