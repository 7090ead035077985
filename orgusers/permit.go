package orgusers

// verdict is what the rules say of one operation on one person.
type verdict struct {
	Result Result
	Reason Reason
	Rule   string
}

// allow is the verdict that nothing speaks against.
func allow() verdict { return verdict{Result: Applied} }

// unchanged: it is so already; that is success, and nothing is written.
func unchanged() verdict { return verdict{Applied, ReasonUnchanged, "R6.9"} }

func skip(r Reason, rule string) verdict { return verdict{Skipped, r, rule} }

func (v verdict) ok() bool { return v.Result == Applied }

// onSelf says what happens when an administrator selects himself.
type onSelf uint8

const (
	selfAllowed     onSelf = iota
	selfSkipped            // left out of a bulk, refused alone
	selfSkippedBulk        // left out of a bulk, allowed alone
	selfRefused            // refused always
)

// onOwner says what happens to the owner.
type onOwner uint8

const (
	ownerAllowed  onOwner = iota
	ownerNever            // untouchable, by anybody (R1.14)
	ownerByItself         // only the owner may do it to the owner (Q8)
)

// rules is the table of R6 for one operation: whom it passes over, and why. It is the
// machine-readable form of "who may do what to whom"; what depends on more than this is in the
// operation's judge.
type rules struct {
	self        onSelf
	selfRule    string
	owner       onOwner
	noPending   bool // needs an account in the organization
	noInactive  bool // Q23
	noSeveral   bool // reaches beyond this organization
	noSSOOnly   bool // about own credentials (R2.20 to R2.30)
	noIdP       bool // about membership and roles (R2.28)
	takesAdmin  bool // may leave the organization without an administrator (R12.5)
	sparesPeers bool // about the person's power or credentials ([Policy.PeersProtected])
}

func (a Action) rules() rules {
	switch a {
	case ActionRemove:
		return rules{self: selfSkipped, selfRule: "R1.16", owner: ownerNever, noIdP: true, takesAdmin: true, sparesPeers: true}
	case ActionSetRole:
		return rules{self: selfSkippedBulk, selfRule: "R1.16", owner: ownerNever, noIdP: true, sparesPeers: true}
	case ActionSetStacks:
		return rules{noIdP: true}
	case ActionDeactivate:
		return rules{self: selfSkipped, selfRule: "R1.16", owner: ownerNever, noPending: true, takesAdmin: true, sparesPeers: true}
	case ActionReactivate:
		return rules{self: selfSkipped, selfRule: "R1.16", owner: ownerNever, noPending: true, sparesPeers: true}
	case ActionDelete:
		return rules{self: selfSkipped, selfRule: "R1.16", owner: ownerNever, noPending: true, noSeveral: true, noIdP: true, takesAdmin: true, sparesPeers: true}
	case ActionRename:
		return rules{owner: ownerByItself, noPending: true, noSeveral: true, sparesPeers: true}
	case ActionForcePasswordReset:
		return rules{owner: ownerByItself, noPending: true, noInactive: true, noSSOOnly: true, sparesPeers: true}
	case ActionResetMFA:
		return rules{owner: ownerByItself, noPending: true, noInactive: true, noSSOOnly: true, sparesPeers: true}
	case ActionEndSessions:
		return rules{self: selfRefused, selfRule: "R6.5", owner: ownerByItself, noPending: true, noInactive: true, noSeveral: true, sparesPeers: true}
	case ActionSetWithoutSSO:
		return rules{self: selfSkipped, selfRule: "R1.16", owner: ownerNever, sparesPeers: true}
	case ActionUnlinkSSO:
		return rules{owner: ownerByItself, noPending: true, noSeveral: true, sparesPeers: true}
	case ActionUnlock:
		return rules{self: selfSkipped, selfRule: "R6.10", owner: ownerNever, noPending: true, noSeveral: true}
	}
	return rules{}
}

// permit judges one operation on one person: the one place where the shared rules stand, for a
// single call, a bulk, a preview and a page of people alike.
func (d *draft) permit(op Operation, t target) verdict {
	a := op.Action()
	r := a.rules()
	self := d.isSelf(t.m)
	if self {
		switch {
		case r.self == selfRefused:
			return verdict{Refused, ReasonSelf, r.selfRule}
		case r.self == selfSkipped && t.single:
			return verdict{Refused, ReasonSelf, r.selfRule}
		case r.self == selfSkipped, r.self == selfSkippedBulk && !t.single:
			return skip(ReasonSelf, r.selfRule)
		}
	}
	if d.org.now.isOwner(t.m) && (r.owner == ownerNever || r.owner == ownerByItself && !self) {
		return skip(ReasonOwner, "R1.14")
	}
	if r.sparesPeers && d.policy.PeersProtected && d.role == actsAsAdmin && !self && t.m.Role == RoleAdmin {
		return skip(ReasonNotOwner, "Q7")
	}
	switch {
	case r.noPending && t.m.Status == StatusPending:
		return skip(ReasonPending, "R6.9")
	case r.noPending && t.u == nil:
		return verdict{Refused, ReasonNotFound, "R6.12"} // a store that lost the account
	case r.noInactive && t.m.Status == StatusInactive:
		return skip(ReasonInactive, "Q23")
	case r.noIdP && d.org.now.idpManaged(t.m):
		return skip(ReasonIdPManaged, "R2.28")
	case r.noSSOOnly && d.org.now.ssoOnly(t.m):
		return skip(ReasonSSOManaged, "Q19")
	case r.noSSOOnly && t.m.Subject != "" && t.u.Orgs > 1:
		return skip(ReasonSeveralOrgs, "S-002") // here by a provider's word, which is nothing elsewhere
	case r.noSeveral && t.u != nil && t.u.Orgs > 1:
		return skip(ReasonSeveralOrgs, "R6.5")
	}
	if r.takesAdmin {
		if v := d.mayGo(t.m); !v.ok() {
			return v
		}
	}
	return op.judge(d, t)
}

// isSelf reports whether m is the actor's own row.
func (d *draft) isSelf(m *Member) bool { return d.self != nil && m.ID == d.self.ID }

// mayGo says whether an owner-less organization can do without an administrator: not without the last one
// (R12.5), and not without the one who gets in when single sign-on fails ([SSO.Keeper]). Where there is an
// owner, that is both.
func (d *draft) mayGo(m *Member) verdict {
	o := d.org.now
	switch {
	case o.OwnerID != "" || !m.Administers():
	case o.Tally.Admins <= 1:
		return skip(ReasonLastAdmin, "R12.5")
	case o.keptBy(m):
		return skip(ReasonSSOKeeper, "R2.23")
	}
	return allow()
}
