package modeltest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// facts are a state in the model's words, by what they are about. The model and a store agree if
// they state the same facts.
type facts map[string]any

type (
	orgFact struct {
		Name                                   string
		Disabled                               bool
		Owner                                  int
		Members, Pending, Admins, Stacks, Seal int
		Domains, Closed, SSO, Plan             string
	}
	offerFact struct {
		To                string
		By, Sends         int
		At, Sent, Expires moment
	}
	rowFact struct {
		ID, User                                   int
		Email, Role, Status, Name, ByEmail, Grants string
		Subject                                    string
		WithoutSSO, MFA, Link                      bool
		By, Sends                                  int
		Invited, Sent, Expires, Joined, LastLogin  moment
	}
	effectFact struct {
		Kind, To    string
		User, Tries int
		Due         moment
	}
	accountFact struct {
		ID, Orgs                           int
		Email, Name                        string
		Verified, Password, MFA, MustReset bool
		Epoch, LastLogin, Locked           moment
		Reset, MFAReset                    moment // until when; none if there is no link
	}
)

// moment is a time as the distance from the start of the clock; 0: none.
type moment time.Duration

func at(t time.Time) moment {
	if t.IsZero() {
		return 0
	}
	return moment(t.Sub(world.NewClock().Now()) + time.Microsecond)
}

func (m moment) String() string {
	if m == 0 {
		return "-"
	}
	return (time.Duration(m) - time.Microsecond).String()
}

func (t ticket) moment() moment {
	if t.op == 0 {
		return 0
	}
	return at(t.until)
}

// differ lists what two states do not agree on; empty: they agree.
func (f facts) differ(g facts) string {
	keys := map[string]bool{}
	for _, m := range []facts{f, g} {
		for k := range m {
			keys[k] = true
		}
	}
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if f[k] != g[k] {
			fmt.Fprintf(&b, "\n%s\n\tmodel: %+v\n\tstore: %+v", k, f[k], g[k])
		}
	}
	return b.String()
}

func (n name) String() string { return strings.TrimSpace(n.First + " " + n.Last) }

// facts states what the model knows.
func (m *model) facts(r *run) facts {
	f := facts{}
	for _, o := range m.orgs {
		pending := len(o.rows) - o.members()
		key := "organization " + fmt.Sprint(o.id)
		f[key] = orgFact{
			o.name, o.disabled, o.owner, o.members(), pending, len(o.admins()), len(o.stacks), o.chain,
			strings.Join(o.domains, " "), strings.Join(o.closed, " "), fmt.Sprint(o.sso, o.keeper), fmt.Sprint(o.users, o.places, o.over),
		}
		if t := o.offer; t != nil {
			f[key+" offer"] = offerFact{t.email, t.by, t.sends, at(t.at), at(t.sentAt), at(t.expiresAt)}
		}
		for name, g := range o.groups {
			f[key+" group "+name] = fmt.Sprint(g.admin, showGrants(slices.Collect(maps.Keys(g.grants))))
		}
		for _, w := range o.rows {
			fact := rowFact{
				ID: w.id, User: w.user, Email: w.email, Role: "member", Status: "pending", Name: w.name.String(), ByEmail: w.byEmail,
				WithoutSSO: w.withoutSSO, Subject: w.subject, Link: w.link != 0, By: w.by, Sends: w.sends,
				Invited: at(w.invitedAt), Sent: at(w.sentAt), Expires: at(w.expiresAt), Joined: at(w.joinedAt),
			}
			if w.admin {
				fact.Role = "admin"
			}
			if u := m.account(w.user); u != nil {
				fact.Name, fact.MFA, fact.LastLogin = u.name.String(), u.mfa, at(u.lastLogin)
				fact.Status = "active"
				if w.inactive {
					fact.Status = "inactive"
				}
			}
			fact.Grants = showGrants(slices.Collect(maps.Keys(w.grants)))
			f[key+" row "+w.key] = fact
		}
		for _, s := range o.stacks {
			f[fmt.Sprint(key, " stack ", s.id)] = fmt.Sprint(s.name, " of ", s.owner)
		}
		for _, w := range o.roles {
			f[fmt.Sprint(key, " role ", w.id)] = w.name + ": " + w.perms
		}
		for _, user := range r.known {
			f[fmt.Sprint(key, " access ", user)] = m.access(actor{user: user, signedIn: r.session[user]}, o)
		}
	}
	for key, u := range m.accounts {
		orgs := 0
		for _, o := range m.orgs {
			if o.joined(u.id) != nil {
				orgs++
			}
		}
		f["account "+key] = accountFact{
			u.id, orgs, u.email, u.name.String(), u.verified, u.password, u.mfa, u.mustReset,
			at(u.epoch), at(u.lastLogin), at(u.lockedUntil), u.reset.moment(), u.mfaReset.moment(),
		}
	}
	for i, e := range m.outbox {
		f[fmt.Sprintf("outbox %03d", i)] = effectFact{e.kind, e.to, e.user, e.tries, at(e.due)}
	}
	return f
}

func showGrants(grants []grant) string {
	sort.Slice(grants, func(i, j int) bool {
		a, b := grants[i], grants[j]
		return a.stack < b.stack || a.stack == b.stack && a.role < b.role
	})
	return fmt.Sprint(grants)
}

// facts states what was seen in a store.
func (s *snapshot) facts(r *run) facts {
	f := facts{}
	for i := range s.Orgs {
		v := &s.Orgs[i]
		o := &v.Org
		key := "organization " + fmt.Sprint(i)
		var closed []string
		for _, a := range o.Settings.Closed {
			closed = append(closed, kind(a))
		}
		slices.Sort(closed)
		limit := func(res orgusers.Resource) int64 {
			if most, limited := o.Plan.Max(res); limited {
				return most
			}
			return -1
		}
		f[key] = orgFact{
			o.Name, o.Disabled, r.users.number(o.OwnerID),
			int(o.Tally.Members), int(o.Tally.Pending), int(o.Tally.Admins), int(o.Tally.Stacks), int(o.AuditSeq),
			strings.Join(o.Settings.AllowedDomains, " "), strings.Join(closed, " "), fmt.Sprint(sso{o.Settings.SSO.Enabled, o.Settings.SSO.Strict, o.Settings.SSO.RoleMapping}, r.users.number(o.Settings.SSO.Keeper)),
			fmt.Sprint(limit(orgusers.ResourceUsers), limit(orgusers.ResourceStacks), o.Plan.OverUsage),
		}
		if t := o.Transfer; t.Pending() {
			f[key+" offer"] = offerFact{t.To.Email, r.users.number(t.By), t.Sends, at(t.OfferedAt), at(t.SentAt), at(t.ExpiresAt)}
		}
		known := func(in []orgusers.Grant) (out []grant) {
			for _, g := range in {
				out = append(out, grant{r.stacks.number(g.Stack), r.roles.number(g.Role)})
			}
			return out
		}
		for _, g := range o.Settings.Groups {
			f[key+" group "+g.Group] = fmt.Sprint(g.Role == orgusers.RoleAdmin, showGrants(known(g.Grants)))
		}
		for j := range v.Members {
			w := &v.Members[j]
			f[key+" row "+string(w.Address.Key)] = rowFact{
				r.rows.number(w.ID), r.users.number(w.User),
				w.Address.Email, string(w.Role), string(w.Status), w.Name.String(), w.InvitedByEmail, showGrants(known(w.Grants)), w.Subject,
				w.WithoutSSO, w.MFA, w.Link != "", r.users.number(w.InvitedBy), w.Sends,
				at(w.InvitedAt), at(w.SentAt), at(w.ExpiresAt), at(w.JoinedAt), at(w.LastLogin),
			}
		}
		for _, s := range v.Stacks {
			f[fmt.Sprint(key, " stack ", r.stacks.number(s.ID))] = fmt.Sprint(s.Name, " of ", r.users.number(s.Owner))
		}
		for _, w := range v.Roles {
			perms := make([]string, len(w.Permissions))
			for i, p := range w.Permissions {
				perms[i] = string(p)
			}
			f[fmt.Sprint(key, " role ", r.roles.number(w.ID))] = w.Name + ": " + strings.Join(perms, ",")
		}
		for user, access := range s.Access[i] {
			f[fmt.Sprint(key, " access ", user)] = access
		}
	}
	for i := range s.Users {
		u := &s.Users[i]
		link := func(id orgusers.OperationID, until time.Time) moment {
			if id == "" {
				return 0
			}
			return at(until)
		}
		f["account "+string(u.Address.Key)] = accountFact{
			r.users.number(u.ID), u.Orgs, u.Address.Email, u.Name.String(), u.Verified, u.Password != "", u.MFA.Enrolled(), u.ResetRequired,
			at(u.SessionsValidFrom), at(u.LastLogin), at(u.LockedUntil), link(u.ResetLink, u.ResetExpires), link(u.MFAResetLink, u.MFAResetExpire),
		}
	}
	for i := range s.Effects {
		e := &s.Effects[i]
		fact := effectFact{string(e.Mail.Kind), e.Mail.To, 0, e.Attempts, at(e.DueAt)}
		if e.Kind != orgusers.EffectMail {
			fact.Kind, fact.User = string(e.Kind), r.users.number(e.User)
		}
		f[fmt.Sprintf("outbox %03d", i)] = fact
	}
	return f
}

// class is an error in the model's words.
func class(err error) string {
	var e *orgusers.Error
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &e):
		return err.Error()
	}
	words := []string{"?"}
	for word, kind := range map[string]error{
		notFound: orgusers.ErrNotFound, "denied": orgusers.ErrDenied, "invalid": orgusers.ErrInvalid, "conflict": orgusers.ErrConflict,
		"expired": orgusers.ErrExpired, "seats": orgusers.ErrSeats, "limit": orgusers.ErrLimit, "gate": orgusers.ErrGate,
		"request_reused": orgusers.ErrRequestReused, "store": orgusers.ErrStore,
	} {
		if errors.Is(err, kind) {
			words[0] = word
		}
	}
	if e.Reason != "" {
		words = append(words, string(e.Reason))
	}
	for _, f := range e.Fields {
		words = append(words, string(f.Reason))
	}
	if l := e.Limit; l != nil {
		words = append(words, string(l.Resource), fmt.Sprintf("%d+%d>%d", l.Used, l.Asked, l.Allowed))
	}
	return strings.Join(words, " ")
}

// people is a report in the model's words.
func people(rep *orgusers.Report) []string {
	var out []string
	for _, o := range rep.Outcomes {
		who := o.Email
		if who == "" {
			who = o.Input
		}
		out = append(out, strings.TrimSuffix(fmt.Sprintf("%s %s %s", who, o.Result, o.Reason), " "))
	}
	return out
}

// book keeps which id of the stores is which number of the model.
type book[ID ~string] struct {
	ids     map[int]ID
	numbers map[ID]int
}

func newBook[ID ~string]() book[ID] { return book[ID]{map[int]ID{}, map[ID]int{}} }

// learn notes an id that is seen for the first time. It never unlearns: what the model takes for one
// thing must keep its id, and another thing must have another.
func (b book[ID]) learn(n int, id ID) {
	_, numbered := b.numbers[id]
	if _, known := b.ids[n]; known || numbered {
		return
	}
	b.ids[n], b.numbers[id] = id, n
}

// id of what nobody has seen is one that there is not.
func (b book[ID]) id(n int) ID {
	if id, known := b.ids[n]; known {
		return id
	}
	return ID(fmt.Sprintf("ffffffff-0000-7000-8000-%012x", 1<<20+n))
}

func (b book[ID]) number(id ID) int {
	n, known := b.numbers[id]
	if !known && id != "" {
		return -99
	}
	return n
}

// kind is the model's word for an operation, action the library's.
func kind(a orgusers.Action) string {
	switch a {
	case orgusers.ActionResendInvitation:
		return "resend"
	case orgusers.ActionInvite:
		return "invite"
	}
	_, k, _ := strings.Cut(string(a), ".")
	return k
}

func action(kind string) orgusers.Action {
	switch kind {
	case "resend":
		return orgusers.ActionResendInvitation
	case "invite":
		return orgusers.ActionInvite
	}
	return orgusers.Action("member." + kind)
}
