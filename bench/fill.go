package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// fill puts the members in: straight into the tables, by the database itself, because a hundred
// thousand password hashes would take an hour and a million rows over a connection many minutes. The
// tally is raised with them. The order of the ids is none of those a page is read in.
func (e *engine) fill(ctx context.Context, db *sql.DB, o *org) error {
	const second = int64(time.Second / time.Microsecond)
	never, begin := time.Time{}.UnixMicro(), epoch.UnixMicro()
	from, hex, pad, text := "(WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i + 1 < %d) SELECT i FROM c) AS s", "printf('%012x', i)", "printf('%%07d', i * 7919 %% %d)", "CAST(i AS TEXT)"
	switch e.name {
	case "postgresql":
		from, hex, pad, text = "(SELECT generate_series(0, %d - 1)::bigint AS i) AS s", "lpad(to_hex(i), 12, '0')", "lpad((i * 7919 %% %d)::text, 7, '0')", "i::text"
	case "mariadb":
		from, hex, pad, text = "(SELECT CAST(seq AS SIGNED) AS i FROM seq_0_to_%d) AS s", "LPAD(LOWER(HEX(i)), 12, '0')", "LPAD(i * 7919 %% %d, 7, '0')", "CAST(i AS CHAR)"
	}
	n := o.n
	if e.name == "mariadb" {
		n--
	}
	cat := func(parts ...string) string {
		if e.name == "mariadb" {
			return "CONCAT(" + strings.Join(parts, ", ") + ")"
		}
		return "(" + strings.Join(parts, " || ") + ")"
	}
	quote := func(s string) string { return "'" + s + "'" }
	id := func(kind int) string {
		return cat(quote(strings.TrimSuffix(o.uuid(kind, 0), "000000000000")), hex)
	}
	values := map[string]string{
		"user": id(1), "member": id(2), "address": cat("'p'", fmt.Sprintf(pad, o.n), quote("@"+o.domain)),
		"first": cat("'Name'", strings.Replace(text, "i", "(i % 977)", 1)), "last": cat("'Last'", text),
		"key":   cat("'name'", strings.Replace(text, "i", "(i % 977)", 1), "' last'", text),
		"login": fmt.Sprintf("(i * 6101 %% %d) * %d + %d", o.n, second, begin), "invited": fmt.Sprintf("%d - i * %d", begin, second),
		"never": fmt.Sprint(never), "begin": fmt.Sprint(begin), "org": quote(string(o.id)), "owner": quote(string(o.owner)), "by": quote("owner@" + o.domain),
	}
	names := strings.NewReplacer(func() (pairs []string) {
		for k, v := range values {
			pairs = append(pairs, "{"+k+"}", v)
		}
		return pairs
	}()...)
	for _, q := range []string{
		`INSERT INTO orgusers_users (id, address, address_key, first_name, last_name, verified, password, reset_required, reset_link, reset_expires, mfa_secret, mfa_enrolled_at,
 mfa_last_step, mfa_recovery, mfa_reset_link, mfa_reset_expires, sessions_valid_from, last_login, failures, locked_until, orgs, created_at, version)
 SELECT {user}, {address}, {address}, {first}, {last}, 1, '', 0, '', {never}, 'sealed', {begin}, 0, '', '', {never}, {never}, {login}, 0, {never}, 1, {begin}, 1 FROM `,
		`INSERT INTO orgusers_members (org_id, id, user_id, address, address_key, role, status, without_sso, invited_by, invited_by_email, invited_at, message, link,
 expires_at, sent_at, sends, joined_at, first_name, last_name, name_key, mfa, last_login, valid_from, revision)
 SELECT {org}, {member}, {user}, {address}, {address}, 'member', 'active', 0, {owner}, {by}, {invited}, '', '', {never}, {never}, 0, {begin}, {first}, {last}, {key}, 1, {login}, {never}, 1 FROM `,
	} {
		if _, err := db.ExecContext(ctx, names.Replace(q)+fmt.Sprintf(from, n)); err != nil {
			return err
		}
	}
	_, err := db.ExecContext(ctx, fmt.Sprintf("UPDATE orgusers_organizations SET version = version + 1, tally_members = tally_members + %d WHERE id = '%s'", o.n, o.id))
	return err
}
