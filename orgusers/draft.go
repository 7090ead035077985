package orgusers

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// row is one record in a draft: as it was read and as it shall be. was is nil for a new record, now
// for one that goes.
type row[T any] struct{ was, now *T }

// draft is the working copy of a view on which a command decides. Everything a command wants is
// done to it; at the end [draft.changes] compares it with what was read, so that what is written is
// exactly what differs, and the tally is right by construction.
type draft struct {
	env    Env
	policy *Policy
	actor  Actor
	action Action
	op     OperationID
	dry    bool // nothing will be committed

	org   row[Organization] // both nil: the command concerns no organization
	self  *Member           // the actor's own row, as it was read; nil: not in the organization
	role  string            // what the actor acts as, for the audit trail
	named string            // the address that an identity provider speaks of

	members []*row[Member]
	byID    lookup[MemberID, *row[Member]]
	byUser  lookup[UserID, *row[Member]]
	byKey   lookup[AddressKey, *row[Member]]

	users     []*row[User]
	userByID  lookup[UserID, *row[User]]
	userByKey lookup[AddressKey, *row[User]]

	person   *Person // as it was read; nil: no person was asked for
	registry []*row[Session]
	rules    []*row[IPRule]  // that come or go
	guarded  map[UserID]bool // accounts whose version must hold although nothing in them changes

	stacks   []*row[Stack]
	roles    []*row[StackRole]
	live     map[UserID]int // sessions of the registry
	sessions map[UserID]int // those that the host keeps; nil: not known
	counters map[string]int64

	counted counts   // what is to be added to counters
	sender  [2]quota // see senderQuotas

	revoked []Revoke // beyond what the members' own grants show
	audit   []AuditEntry
	effects []Effect
	report  Report
}

func newDraft(v *View, a Actor, action Action, p *Policy, e Env) *draft {
	d := &draft{
		env: e, policy: p, actor: a, action: action, op: OperationID(e.NewID()), live: v.Live, sessions: v.Sessions, counters: v.Counters,
	}
	d.report = Report{Operation: d.op, Action: action}
	if v.Org.ID != "" {
		now := v.Org.Clone()
		d.org = row[Organization]{was: &v.Org, now: &now}
	}
	for i := range v.Members {
		now := v.Members[i].Clone()
		d.track(&row[Member]{was: &v.Members[i], now: &now})
	}
	for i := range v.Users {
		now := v.Users[i]
		d.trackUser(&row[User]{was: &v.Users[i], now: &now})
	}
	if v.Person != nil {
		d.person = v.Person
		now := v.Person.User
		d.trackUser(&row[User]{was: &v.Person.User, now: &now})
		for i := range v.Person.Sessions {
			now := v.Person.Sessions[i]
			d.registry = append(d.registry, &row[Session]{was: &v.Person.Sessions[i], now: &now})
		}
	}
	for i := range v.Stacks {
		now := v.Stacks[i]
		d.stacks = append(d.stacks, &row[Stack]{was: &v.Stacks[i], now: &now})
	}
	for i := range v.Roles {
		now := v.Roles[i].Clone()
		d.roles = append(d.roles, &row[StackRole]{was: &v.Roles[i], now: &now})
	}
	if r := d.byUser.get(a.User); r != nil && a.User != "" {
		d.self = r.was
	}
	return d
}

func (d *draft) track(r *row[Member]) {
	d.members = append(d.members, r)
	d.byID.put(r.now.ID, r)
	d.byKey.put(r.now.Address.Key, r)
	if r.now.User != "" {
		d.byUser.put(r.now.User, r)
	}
}

func (d *draft) trackUser(r *row[User]) {
	d.users = append(d.users, r)
	d.userByID.put(r.now.ID, r)
	d.userByKey.put(r.now.Address.Key, r)
}

// account returns the account of a joined member; nil while pending, because an invited stranger is
// not the organization's to look at.
func (d *draft) account(m *Member) *User {
	if m.User == "" {
		return nil
	}
	if r := d.userByID.get(m.User); r != nil {
		return r.now
	}
	return nil
}

// set changes a roster row and keeps the tally.
func (d *draft) set(r *row[Member], change func(m *Member)) {
	d.org.now.Tally.add(r.now, -1)
	change(r.now)
	d.org.now.Tally.add(r.now, 1)
}

// addMember puts a new row on the roster and keeps the tally.
func (d *draft) addMember(m Member) *row[Member] {
	r := &row[Member]{now: &m}
	d.track(r)
	d.org.now.Tally.add(r.now, 1)
	return r
}

// expel takes a row off the roster: the one way out, for removal, cancelled invitation, leaving and
// deletion. The person's stacks go to the organization's owner (R3.7), an ownership offered to the
// person lapses (Q22), and sessions end if the account belongs nowhere else (R5.6); else they are no good
// here for whoever joins again (S-015).
func (d *draft) expel(r *row[Member]) {
	m := r.now
	d.lapseTransfer(m)
	if u := d.account(m); u != nil {
		for _, s := range d.stacks {
			if s.now != nil && s.now.Owner == u.ID {
				s.now.Owner = d.org.now.OwnerID
			}
		}
		if u.Orgs == 1 {
			d.endSessions(m.ID, u)
		} else {
			d.org.now.LeftAt = d.cutoff(u, later(d.org.now.LeftAt, m.ValidFrom))
		}
		u.Orgs--
	}
	d.org.now.Tally.add(m, -1)
	r.now = nil
}

// lapseTransfer withdraws an ownership offered to this person (Q22, S-058).
func (d *draft) lapseTransfer(m *Member) {
	if d.org.now.Transfer.To.Key == m.Address.Key {
		d.org.now.Transfer = Transfer{}
	}
}

// endSessions ends every session of the account as of now: at once by the epoch, and in the host's
// own session store by an effect.
func (d *draft) endSessions(m MemberID, u *User) {
	u.SessionsValidFrom = d.cutoff(u, u.SessionsValidFrom)
	e := d.effect(EffectEndSessions, m, u.ID)
	e.Before = u.SessionsValidFrom
	d.effects = append(d.effects, e)
}

// cutoff is the moment up to which the account's sessions end now, everywhere or in one organization, the last being
// that of the time before. It only rises, and passes whatever began before it by the clock of another process that
// runs ahead: its last sign-in, and a session that went on past the last cut or the epoch.
func (d *draft) cutoff(u *User, last time.Time) time.Time {
	return later(later(d.env.Now, u.LastLogin), later(last, u.SessionsValidFrom).Add(time.Microsecond))
}

func (d *draft) effect(kind EffectKind, m MemberID, u UserID) Effect {
	e := Effect{
		ID: EffectID(d.env.NewID()), Operation: d.op, Kind: kind, Member: m, User: u,
		CreatedAt: d.env.Now, DueAt: d.env.Now,
	}
	if d.org.now != nil {
		e.Org = d.org.now.ID
	}
	return e
}

// mail puts a mail into the outbox. Whoever caused it and the organization's name are filled in, and
// its budget is used, if an organization sends it.
func (d *draft) mail(m MemberID, u UserID, data MailData) {
	e := d.effect(EffectMail, m, u)
	if d.org.now != nil {
		data.OrgName = d.org.now.Name
	}
	if data.ActorName == "" {
		data.ActorName = d.actorName()
	}
	e.Mail = data
	if d.org.now != nil { // what people ask for themselves has other bounds
		for _, b := range d.policy.mailBudgets(data.Kind, u, d.env.Now) {
			d.spend(b, 1)
		}
	}
	d.effects = append(d.effects, e)
}

func (d *draft) actorName() string {
	if d.self == nil {
		return ""
	}
	if n := d.self.Name.String(); n != "" {
		return n
	}
	return d.self.Address.Email
}

// note is what an audit entry says beside who, when and where, which [draft.record] adds.
type note struct {
	member *Member // whom it is about
	user   UserID  // the account, where there is no member
	email  string
	action Action // empty: the command's
	result Result // empty: Applied
	reason Reason
	object string
	before string
	after  string
}

func (d *draft) record(n note) {
	e := AuditEntry{
		ID: EntryID(d.env.NewID()), Seq: d.seq(), At: d.env.Now, Operation: d.op, Action: cmp.Or(n.action, d.action),
		Result: cmp.Or(n.result, Applied), Reason: n.reason,
		Actor: d.actor.User, ActorRole: d.role,
		Session: d.actor.Session, IP: d.actor.IP, Agent: d.actor.Agent, Request: d.actor.Request,
		User: n.user, Email: n.email, Object: n.object, Before: n.before, After: n.after,
	}
	if d.org.now != nil {
		e.Org = d.org.now.ID
	}
	if d.self != nil {
		e.ActorEmail = d.self.Address.Email
	}
	if n.member != nil {
		e.Member, e.User, e.Email = n.member.ID, n.member.User, n.member.Address.Email
	}
	d.audit = append(d.audit, e)
}

// changes compares the draft with what was read. wrote is false if they are equal: then there is
// nothing to commit, only entries to record.
func (d *draft) changes() (c Changes, wrote bool) {
	for _, r := range d.members {
		switch {
		case r.was == nil && r.now == nil:
		case r.was == nil:
			c.NewMembers = append(c.NewMembers, *r.now)
			c.Granted = appendGrants(c.Granted, r.now.ID, r.now.Grants)
		case r.now == nil:
			c.DeleteMembers = append(c.DeleteMembers, r.was.ID)
		default:
			if p := diffMember(r.was, r.now); p != (MemberPatch{}) {
				c.Members = append(c.Members, MemberUpdate{ID: r.now.ID, Patch: p})
			}
			diffGrants(&c, r)
		}
	}
	d.sessionChanges(&c)
	d.ruleChanges(&c)
	d.userChanges(&c)
	c.NewStacks, c.Stacks, c.DeleteStacks = diffRows(d.stacks, func(s *Stack) StackID { return s.ID },
		func(a, b *Stack) bool { return *a == *b })
	c.NewRoles, c.Roles, c.DeleteRoles = diffRows(d.roles, func(r *StackRole) RoleID { return r.ID },
		func(a, b *StackRole) bool {
			return a.Name == b.Name && a.Description == b.Description && slices.Equal(a.Permissions, b.Permissions)
		})
	c.Revoked = append(c.Revoked, d.revoked...)
	c.Effects, c.Counters = slices.Clip(d.effects), d.counted.sorted()
	d.firewallEffects(&c)
	c.Audit = d.audit

	orgChanged := d.org.now != nil && (d.org.was == nil || !sameOrg(d.org.was, d.org.now))
	wrote = orgChanged || len(c.NewUsers)+len(c.Users)+len(c.DeleteUsers)+len(c.NewMembers)+len(c.Members)+
		len(c.DeleteMembers)+len(c.Granted)+len(c.Revoked)+len(c.NewStacks)+len(c.Stacks)+len(c.DeleteStacks)+
		len(c.NewRoles)+len(c.Roles)+len(c.DeleteRoles)+len(c.DeleteSessions)+len(c.NewSessions)+
		len(c.NewIPRules)+len(c.DeleteIPRules)+len(c.Effects)+len(c.Counters) > 0
	if d.org.now != nil {
		c.Org, c.NewOrg = d.org.now, d.org.was == nil
	}
	return c, wrote
}

func (d *draft) userChanges(c *Changes) {
	for _, r := range d.users {
		switch {
		case r.was == nil:
			c.NewUsers = append(c.NewUsers, *r.now)
		case r.now == nil:
			c.DeleteUsers = append(c.DeleteUsers, UserUpdate{ID: r.was.ID, Version: r.was.Version})
		default:
			p := diffUser(r.was, r.now)
			if p == (UserPatch{}) && !d.guarded[r.was.ID] {
				continue
			}
			c.Users = append(c.Users, UserUpdate{ID: r.was.ID, Version: r.was.Version, Patch: p})
			if p.Name.Set || p.LastLogin.Set || r.was.MFA.Enrolled() != r.now.MFA.Enrolled() {
				c.Profiles = append(c.Profiles, Profile{User: r.now.ID, Name: r.now.Name, MFA: r.now.MFA.Enrolled(), LastLogin: r.now.LastLogin})
			}
		}
	}
	byID := func(a, b UserUpdate) int { return strings.Compare(string(a.ID), string(b.ID)) }
	slices.SortFunc(c.Users, byID)
	slices.SortFunc(c.DeleteUsers, byID)
}

// sessionChanges replaces sessions as wholes: the old row goes, the new one comes. Whatever happens
// to a person's sessions happens under the account's version, so that a sign-in and a kill, or two
// uses of one ticket, cannot pass each other by.
func (d *draft) sessionChanges(c *Changes) {
	for _, r := range d.registry {
		if r.was != nil && r.now != nil && *r.was == *r.now || r.was == nil && r.now == nil {
			continue
		}
		if r.was != nil {
			c.DeleteSessions = append(c.DeleteSessions, r.was.ID)
			d.guard(r.was.User)
		}
		if r.now != nil {
			c.NewSessions = append(c.NewSessions, *r.now)
			d.guard(r.now.User)
		}
	}
}

// guard makes the commit fail if the account has changed, even where the command leaves it alone.
func (d *draft) guard(u UserID) {
	if d.guarded == nil {
		d.guarded = make(map[UserID]bool)
	}
	d.guarded[u] = true
}

// diffRows sorts records into new, changed and gone.
func diffRows[T any, ID ~string](rows []*row[T], id func(*T) ID, same func(a, b *T) bool) (added, changed []T, gone []ID) {
	for _, r := range rows {
		switch {
		case r.was == nil && r.now == nil:
		case r.was == nil:
			added = append(added, *r.now)
		case r.now == nil:
			gone = append(gone, id(r.was))
		case !same(r.was, r.now):
			changed = append(changed, *r.now)
		}
	}
	return added, changed, gone
}

// diffGrants replaces a member's roles stack by stack where they differ (R3.3).
func diffGrants(c *Changes, r *row[Member]) {
	if slices.Equal(r.was.Grants, r.now.Grants) {
		return
	}
	was, now := grantsByStack(r.was.Grants), grantsByStack(r.now.Grants)
	stacks := make([]StackID, 0, len(was)+len(now))
	for s := range was {
		stacks = append(stacks, s)
	}
	for s := range now {
		stacks = append(stacks, s)
	}
	slices.Sort(stacks)
	for _, s := range slices.Compact(stacks) {
		if slices.Equal(was[s], now[s]) {
			continue
		}
		if len(was[s]) > 0 {
			c.Revoked = append(c.Revoked, Revoke{Member: r.now.ID, Stack: s})
		}
		c.Granted = appendGrants(c.Granted, r.now.ID, now[s])
	}
}

func grantsByStack(grants []Grant) map[StackID][]Grant {
	m := make(map[StackID][]Grant)
	for _, g := range grants {
		m[g.Stack] = append(m[g.Stack], g)
	}
	return m
}

func appendGrants(to []MemberGrant, m MemberID, grants []Grant) []MemberGrant {
	for _, g := range grants {
		to = append(to, MemberGrant{Member: m, Grant: g})
	}
	return to
}

func sameOrg(a, b *Organization) bool {
	return a.Name == b.Name && a.Disabled == b.Disabled && a.OwnerID == b.OwnerID && a.Transfer == b.Transfer &&
		a.LeftAt.Equal(b.LeftAt) && a.Tally == b.Tally && a.Settings.SSO == b.Settings.SSO && a.Settings.Security == b.Settings.Security &&
		slices.EqualFunc(a.Settings.Groups, b.Settings.Groups, sameGroup) &&
		slices.Equal(a.Settings.AllowedDomains, b.Settings.AllowedDomains) &&
		slices.Equal(a.Settings.Closed, b.Settings.Closed) &&
		a.Plan.Name == b.Plan.Name && a.Plan.OverUsage == b.Plan.OverUsage && slices.Equal(a.Plan.Limits, b.Plan.Limits)
}

func sameGroup(a, b GroupRole) bool {
	return a.Group == b.Group && a.Role == b.Role && slices.Equal(a.Grants, b.Grants)
}
