package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

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

// The kinds of rows that the read of a person returns.
const (
	kindUser = iota
	kindMembership
	kindSession
	kindCounter
)

// personTexts and personNumbers are how many columns the widest kind has of each.
const (
	personTexts   = 18
	personNumbers = 13
)

// personReads are the branches of the read, up to the account's id and the counters' names.
var personReads = [...]string{
	kindUser: laid(kindUser, userColumns, new(userRow).dest()) + ` FROM orgusers_users AS u WHERE u.id = `,
	kindMembership: laid(kindMembership, membershipColumns, new(membershipRow).dest()) + ` FROM orgusers_members AS m
 JOIN orgusers_organizations AS o ON o.id = m.org_id WHERE m.user_id = `,
	kindSession: laid(kindSession, sessionColumns, new(sessionRow).dest()) + ` FROM orgusers_sessions AS s WHERE s.user_id = `,
	kindCounter: laid(kindCounter, `c.name, c.total`, []any{new(string), new(int64)}) + ` FROM orgusers_counters AS c WHERE c.name IN `,
}

// laid lays the columns of one kind out as texts and then numbers, so that kinds with different
// columns are branches of one UNION ALL. dest tells which column is a text and which a number.
func laid(kind int, columns string, dest []any) string {
	var texts, numbers []string
	for i, column := range strings.Split(columns, ",") {
		if _, text := dest[i].(*string); text {
			texts = append(texts, column)
		} else {
			numbers = append(numbers, column)
		}
	}
	for len(texts) < personTexts {
		texts = append(texts, `''`)
	}
	for len(numbers) < personNumbers {
		numbers = append(numbers, `0`)
	}
	return `SELECT ` + itoa(kind) + `, ` + strings.Join(append(texts, numbers...), `,`)
}

// personRow takes a row of any kind.
type personRow struct {
	kind    int64
	texts   [personTexts]string
	numbers [personNumbers]int64
}

func (r *personRow) dest() []any {
	dest := append(make([]any, 0, 1+personTexts+personNumbers), &r.kind)
	for i := range r.texts {
		dest = append(dest, &r.texts[i])
	}
	for i := range r.numbers {
		dest = append(dest, &r.numbers[i])
	}
	return dest
}

// fill undoes laid.
func (r *personRow) fill(dest []any) {
	texts, numbers := r.texts[:], r.numbers[:]
	for _, d := range dest {
		switch d := d.(type) {
		case *string:
			*d, texts = texts[0], texts[1:]
		case *int64:
			*d, numbers = numbers[0], numbers[1:]
		}
	}
}

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
	for _, read := range personReads[:kindCounter] {
		t.union()
		t.add(read+who, arg)
	}
	if n := len(r.counters); n > 0 && n <= chunk {
		t.union()
		t.add(personReads[kindCounter])
		list(&t, r.counters)
		r.counters, r.v.Counters = nil, make(map[string]int64, n)
	}

	var p orgusers.Person
	var row personRow
	var u userRow
	var m membershipRow
	var s sessionRow
	rowDest, userDest, memberDest, sessionDest := row.dest(), u.dest(), m.dest(), s.dest()
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
			r.v.Counters[row.texts[0]] = row.numbers[0]
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
