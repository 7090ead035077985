package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/orgusers/go-orgusers/orgusers"
)

const membershipColumns = memberColumns + `, m.org_id, o.name, o.disabled, o.owner_id, o.settings`

// membershipRow takes a row of membershipColumns.
type membershipRow struct {
	memberRow
	org                  orgusers.OrgID
	name, owner, setting string
	disabled             int64
}

func (r *membershipRow) dest() []any {
	return append(r.memberRow.dest(), (*string)(&r.org), &r.name, &r.disabled, &r.owner, &r.setting)
}

func (r *membershipRow) value() (orgusers.Membership, error) {
	settings, err := decodeSettings(r.setting)
	return orgusers.Membership{
		Member: r.memberRow.value(r.org), OrgName: r.name, Disabled: r.disabled != 0, OwnerID: orgusers.UserID(r.owner), Settings: settings,
	}, err
}

// personLayout fits the widest of its kinds: a membership's texts, a session's numbers.
var personLayout = layout{texts: 18, numbers: 13}

// personReads are the branches of the read of a person, up to the account's id; personCounters is the one of
// counters, up to their names.
var (
	personReads = []string{
		personLayout.lay(kindUser, split(userColumns), new(userRow).dest()) + ` FROM orgusers_users AS u WHERE u.id = `,
		personLayout.lay(kindMembership, split(membershipColumns), new(membershipRow).dest()) + ` FROM orgusers_members AS m
 JOIN orgusers_organizations AS o ON o.id = m.org_id WHERE m.user_id = `,
		personLayout.lay(kindSession, split(sessionColumns), new(sessionRow).dest()) + ` FROM orgusers_sessions AS s WHERE s.user_id = `,
	}
	personCounters = personLayout.lay(kindCounter, split(counterColumns), new(counterRow).dest()) + ` FROM orgusers_counters AS c WHERE c.name IN `
)

// person reads an account with its memberships and sessions, and the counters with it: one statement,
// so that what a sign-in looks at was true at one moment.
func (r *viewReader) person(ctx context.Context) error {
	var who string
	var arg any
	switch q := &r.q.Person; {
	case q.User != "":
		who, arg = `?`, string(q.User)
	case q.Key != "":
		who, arg = `(SELECT k.id FROM orgusers_users AS k WHERE k.address_key = ?)`, string(q.Key)
	case q.Token != "":
		who, arg = `(SELECT k.user_id FROM orgusers_sessions AS k WHERE k.token = ?)`, q.Token
	default:
		return nil
	}
	var t text
	for _, read := range personReads {
		t.union()
		t.add(read+who, arg)
	}
	if n := len(r.counters); n > 0 && n <= chunk {
		t.union()
		t.add(personCounters)
		list(&t, r.counters)
		r.counters, r.v.Counters = nil, make(map[string]int64, n)
	}

	var p orgusers.Person
	row := personLayout.row()
	var u userRow
	var m membershipRow
	var s sessionRow
	var c counterRow
	rowDest, userDest, memberDest, sessionDest, counter := row.dest(), u.dest(), m.dest(), s.dest(), c.dest()
	err := r.query(ctx, &t, func(rows *sql.Rows) error {
		err := rows.Scan(rowDest...)
		if err != nil {
			return err
		}
		switch row.kind {
		case kindUser:
			row.fill(userDest)
			p.User = u.value()
		case kindMembership:
			var one orgusers.Membership
			row.fill(memberDest)
			one, err = m.value()
			p.Memberships = append(p.Memberships, one)
		case kindSession:
			var one orgusers.Session
			row.fill(sessionDest)
			one, err = s.value()
			p.Sessions = append(p.Sessions, one)
		case kindCounter:
			row.fill(counter)
			r.v.Counters[c.name] = c.total
		}
		return err
	})
	if err != nil || p.User.ID == "" {
		return err
	}
	slices.SortFunc(p.Memberships, func(a, b orgusers.Membership) int { return cmp.Compare(a.Member.Org, b.Member.Org) })
	slices.SortFunc(p.Sessions, func(a, b orgusers.Session) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	r.v.Person = &p
	return nil
}
