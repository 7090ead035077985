package sqlstore

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// micros is a time as it is stored: microseconds since 1970 in UTC. The zero time is a number like any
// other, never, so it sorts before every other time and the first moment of 1970 is no special case.
func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

// length is a length of time as it is stored: microseconds.
func length(d time.Duration) int64 { return d.Microseconds() }

func fromLength(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// never is the zero time as it is stored.
const never = -62_135_596_800_000_000

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// The forms in which nested values are stored, as JSON. They are types of their own, so that a
// renamed field of the domain does not orphan what is stored; the zero value is the empty text.
type (
	settingsJSON struct {
		Domains []string          `json:"domains,omitempty"`
		Closed  []orgusers.Action `json:"closed,omitempty"`
		SSO     bool              `json:"sso,omitempty"`
		Strict  bool              `json:"sso_strict,omitempty"`
		Mapping bool              `json:"sso_mapping,omitempty"`
		SSOMax  int64             `json:"sso_max,omitempty"`
		Keeper  orgusers.UserID   `json:"sso_keeper,omitempty"`
		SSOFrom time.Time         `json:"sso_from,omitzero"`
		Groups  []groupJSON       `json:"groups,omitempty"`
		MFA     bool              `json:"mfa,omitempty"`
		MinPass int               `json:"min_password,omitempty"`
		Idle    int64             `json:"session_idle,omitempty"`
		Max     int64             `json:"session_max,omitempty"`
	}
	groupJSON struct {
		Group  string        `json:"group"`
		Role   orgusers.Role `json:"role"`
		Grants []grantJSON   `json:"grants,omitempty"`
	}
	grantJSON struct {
		Stack orgusers.StackID `json:"s"`
		Role  orgusers.RoleID  `json:"r"`
	}
	planJSON struct {
		Name   string      `json:"name,omitempty"`
		Limits []limitJSON `json:"limits,omitempty"`
		Over   bool        `json:"over,omitempty"`
	}
	limitJSON struct {
		Resource orgusers.Resource `json:"r"`
		Max      int64             `json:"max"`
	}
	transferJSON struct {
		Email   string               `json:"email"`
		Key     orgusers.AddressKey  `json:"key"`
		By      orgusers.UserID      `json:"by,omitempty"`
		Link    orgusers.OperationID `json:"link,omitempty"`
		Offered int64                `json:"offered"`
		Expires int64                `json:"expires"`
		Sent    int64                `json:"sent"`
		Sends   int                  `json:"sends,omitempty"`
	}
	mailJSON struct {
		Kind    orgusers.MailKind `json:"kind,omitempty"`
		To      string            `json:"to,omitempty"`
		Name    string            `json:"name,omitempty"`
		Org     string            `json:"org,omitempty"`
		Actor   string            `json:"actor,omitempty"`
		Role    orgusers.Role     `json:"role,omitempty"`
		Message string            `json:"message,omitempty"`
		Expires int64             `json:"expires"`
		IP      netip.Addr        `json:"ip,omitzero"`
		Agent   string            `json:"agent,omitempty"`
	}
)

// encode returns v as JSON; the types above cannot fail. JSON would hide a text that cannot be stored
// behind escapes, so the first such text among those in v is returned itself, for [storable] to refuse.
func encode(v any, texts ...string) string {
	for _, text := range texts {
		if !clean(text) {
			return text
		}
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("sqlstore: " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func decode(column, text string, v any) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("sqlstore: column %s: %w", column, err)
	}
	return nil
}

func encodeSettings(s *orgusers.Settings) string {
	if len(s.AllowedDomains)+len(s.Closed)+len(s.Groups) == 0 && s.SSO == (orgusers.SSO{}) && s.Security == (orgusers.Security{}) {
		return ""
	}
	j := settingsJSON{
		Domains: s.AllowedDomains, Closed: s.Closed,
		SSO: s.SSO.Enabled, Strict: s.SSO.Strict, Mapping: s.SSO.RoleMapping, SSOMax: length(s.SSO.SessionMax), Keeper: s.SSO.Keeper, SSOFrom: s.SSO.ValidFrom,
		MFA: s.Security.RequireMFA, MinPass: s.Security.MinPassword,
		Idle: length(s.Security.SessionIdle), Max: length(s.Security.SessionMax),
	}
	texts := append(slices.Clone(j.Domains), string(j.Keeper))
	for _, a := range j.Closed {
		texts = append(texts, string(a))
	}
	for _, g := range s.Groups {
		group := groupJSON{Group: g.Group, Role: g.Role}
		texts = append(texts, g.Group, string(g.Role))
		for _, grant := range g.Grants {
			group.Grants = append(group.Grants, grantJSON(grant))
			texts = append(texts, string(grant.Stack), string(grant.Role))
		}
		j.Groups = append(j.Groups, group)
	}
	return encode(j, texts...)
}

func decodeSettings(text string) (orgusers.Settings, error) {
	if text == "" {
		return orgusers.Settings{}, nil
	}
	var j settingsJSON
	err := decode("settings", text, &j)
	s := orgusers.Settings{
		AllowedDomains: j.Domains, Closed: j.Closed,
		SSO: orgusers.SSO{Enabled: j.SSO, Strict: j.Strict, RoleMapping: j.Mapping, SessionMax: fromLength(j.SSOMax), Keeper: j.Keeper, ValidFrom: j.SSOFrom},
		Security: orgusers.Security{
			RequireMFA: j.MFA, MinPassword: j.MinPass, SessionIdle: fromLength(j.Idle), SessionMax: fromLength(j.Max),
		},
	}
	for _, g := range j.Groups {
		group := orgusers.GroupRole{Group: g.Group, Role: g.Role}
		for _, grant := range g.Grants {
			group.Grants = append(group.Grants, orgusers.Grant(grant))
		}
		s.Groups = append(s.Groups, group)
	}
	return s, err
}

func encodePlan(p *orgusers.Plan) string {
	if p.Name == "" && len(p.Limits) == 0 && !p.OverUsage {
		return ""
	}
	j, texts := planJSON{Name: p.Name, Over: p.OverUsage}, []string{p.Name}
	for _, l := range p.Limits {
		j.Limits, texts = append(j.Limits, limitJSON(l)), append(texts, string(l.Resource))
	}
	return encode(j, texts...)
}

func decodePlan(text string) (orgusers.Plan, error) {
	if text == "" {
		return orgusers.Plan{}, nil
	}
	var j planJSON
	err := decode("plan", text, &j)
	p := orgusers.Plan{Name: j.Name, OverUsage: j.Over}
	for _, l := range j.Limits {
		p.Limits = append(p.Limits, orgusers.Limit(l))
	}
	return p, err
}

func encodeTransfer(t *orgusers.Transfer) string {
	if *t == (orgusers.Transfer{}) {
		return ""
	}
	return encode(transferJSON{
		Email: t.To.Email, Key: t.To.Key, By: t.By, Link: t.Link,
		Offered: micros(t.OfferedAt), Expires: micros(t.ExpiresAt), Sent: micros(t.SentAt), Sends: t.Sends,
	}, t.To.Email, string(t.To.Key), string(t.By), string(t.Link))
}

func decodeTransfer(text string) (orgusers.Transfer, error) {
	if text == "" {
		return orgusers.Transfer{}, nil
	}
	var j transferJSON
	err := decode("transfer", text, &j)
	return orgusers.Transfer{
		To: orgusers.Address{Email: j.Email, Key: j.Key}, By: j.By, Link: j.Link,
		OfferedAt: fromMicros(j.Offered), ExpiresAt: fromMicros(j.Expires), SentAt: fromMicros(j.Sent), Sends: j.Sends,
	}, err
}

func encodeMail(m *orgusers.MailData) string {
	if *m == (orgusers.MailData{}) {
		return ""
	}
	return encode(mailJSON{
		Kind: m.Kind, To: m.To, Name: m.ToName, Org: m.OrgName, Actor: m.ActorName, Role: m.Role, Message: m.Message,
		Expires: micros(m.ExpiresAt), IP: m.IP, Agent: m.Agent,
	}, string(m.Kind), m.To, m.ToName, m.OrgName, m.ActorName, string(m.Role), m.Message, m.Agent)
}

func decodeMail(text string) (orgusers.MailData, error) {
	if text == "" {
		return orgusers.MailData{}, nil
	}
	var j mailJSON
	err := decode("mail", text, &j)
	return orgusers.MailData{
		Kind: j.Kind, To: j.To, ToName: j.Name, OrgName: j.Org, ActorName: j.Actor, Role: j.Role, Message: j.Message,
		ExpiresAt: fromMicros(j.Expires), IP: j.IP, Agent: j.Agent,
	}, err
}

func encodePermissions(p []orgusers.Permission) string {
	var b strings.Builder
	for i, s := range p {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(s))
	}
	return b.String()
}

func decodePermissions(text string) []orgusers.Permission {
	var out []orgusers.Permission
	for _, s := range strings.Fields(text) {
		out = append(out, orgusers.Permission(s))
	}
	return out
}
