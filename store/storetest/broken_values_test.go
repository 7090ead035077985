package storetest

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// rewrite changes every value of one type in what is committed and recorded, as an engine's columns
// do.
func rewrite[T any](change func(T) T) func(orgusers.Store) orgusers.Store {
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch {
		case v.Type() == reflect.TypeFor[T]():
			v.Set(reflect.ValueOf(change(v.Interface().(T)))) //nolint:forcetypeassert // it is of that type
		case v.Kind() == reflect.Pointer && !v.IsNil():
			walk(v.Elem())
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case v.Kind() == reflect.Struct && !atom(v.Type()):
			for i := range v.NumField() {
				walk(v.Field(i))
			}
		}
	}
	return with(func(s *spy) {
		s.commit = func(_ context.Context, c *orgusers.Changes) error {
			walk(reflect.ValueOf(c).Elem())
			return nil
		}
		s.record = func(entries []orgusers.AuditEntry, r *orgusers.Request) {
			walk(reflect.ValueOf(entries))
			walk(reflect.ValueOf(r))
		}
	})
}

func brokenValues() []broken {
	return []broken{
		{
			"drops microseconds",
			[]string{"Kept/*", "Values/S178_TimesToTheMicrosecond", "Patch/Member.SentAt", "Patch/User.LockedUntil"},
			rewrite(func(t time.Time) time.Time { return t.Truncate(time.Second) }),
		},
		{"keeps no time as the beginning of Unix time", []string{"Kept/*", "Values/S178_TimesToTheMicrosecond"}, rewrite(func(t time.Time) time.Time {
			if t.IsZero() {
				return time.Unix(0, 0).UTC()
			}
			return t
		})},
		{"keeps the beginning of Unix time as no time", []string{"Values/S178_TimesToTheMicrosecond"}, rewrite(func(t time.Time) time.Time {
			if t.Unix() == 0 {
				return time.Time{}
			}
			return t
		})},
		{
			"returns times in another location",
			[]string{"Kept/*", "Values/S178_TimesToTheMicrosecond"},
			rewrite(func(t time.Time) time.Time { return t.In(time.FixedZone("", 0)) }),
		},
		{"asks by the second", []string{"Values/S178_TimesInConditions"}, with(func(s *spy) {
			s.memberQuery = func(q *orgusers.MemberQuery) { q.InactiveSince = q.InactiveSince.Truncate(time.Second) }
			s.auditQuery = func(q *orgusers.AuditQuery) { q.To = q.To.Truncate(time.Second) }
		})},
		{"trims strings", []string{"Values/S185*"}, rewrite(strings.TrimSpace)},
		{"cuts strings at 255 characters", []string{"Values/Large"}, rewrite(func(s string) string { return string([]rune(s)[:min(255, len([]rune(s)))]) })},
		{"cuts reports at 64 KiB", []string{"Values/Large"}, rewrite(func(b []byte) []byte { return b[:min(len(b), 1<<16-1)] })},
		{"folds address keys", []string{"Collation/S175_AddressKeys"}, rewrite(func(k orgusers.AddressKey) orgusers.AddressKey {
			return orgusers.AddressKey(strings.ToLower(string(k)))
		})},
		{"folds names", []string{"Collation/S175_Names"}, with(func(s *spy) {
			taken := make(map[string]bool)
			s.commit = func(_ context.Context, c *orgusers.Changes) error {
				for _, r := range c.NewRoles {
					key := string(r.Org) + strings.ToUpper(strings.TrimSpace(r.Name))
					if taken[key] {
						return orgusers.ErrConflict
					}
					taken[key] = true
				}
				return nil
			}
		})},
		{"sorts as people do", []string{"Collation/S175_OrderIsByBytes"}, with(func(s *spy) {
			s.members = func(_ orgusers.MemberQuery, page []orgusers.Member, err error) ([]orgusers.Member, error) {
				slices.SortFunc(page, func(a, b orgusers.Member) int {
					return strings.Compare(strings.ToLower(string(a.Address.Key)), strings.ToLower(string(b.Address.Key)))
				})
				return page, err
			}
		})},
	}
}
