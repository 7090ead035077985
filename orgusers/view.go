package orgusers

import (
	"context"
	"slices"
)

// view is the one way to the store's View. What cannot be an id is not looked up: ids come from
// clients, and a store need not cope with NUL or a megabyte. The error is one a caller may see.
func (s *Service) view(ctx context.Context, q ViewQuery) (View, error) {
	if q.Org != "" && !wellFormed(q.Org) {
		return View{}, notFound()
	}
	q = q.at(s.now())
	q.Members, q.Joined, q.Stacks, q.Users = plausible(q.Members), plausible(q.Joined), plausible(q.Stacks), plausible(q.Users)
	v, err := s.store.View(ctx, q)
	if err != nil || v.Person == nil {
		return v, stored(err)
	}
	// An account read beside the rows, and again as the person, is of one moment with both or not at all:
	// who lets go of the organization has only the account's version to hold on to (S-141).
	p := &v.Person.User
	if i := slices.IndexFunc(v.Users, func(u User) bool { return u.ID == p.ID }); i >= 0 {
		if v.Users[i].Version != p.Version {
			return View{}, &Error{Kind: ErrConflict}
		}
		v.Users = slices.Delete(v.Users, i, i+1)
	}
	return v, nil
}

// wellFormed reports whether a text could be one of our ids.
func wellFormed[ID ~string](id ID) bool {
	return id != "" && len(id) <= 64 && visibleASCII(string(id))
}

// idField checks an id that a listing is narrowed by or goes on from: what cannot be one is named, and no store
// is asked for it (S-180).
func idField[ID ~string](field string, id ID) []FieldError {
	if id == "" || wellFormed(id) {
		return nil
	}
	return []FieldError{{Field: field, Reason: ReasonSyntax, Message: "is not an id"}}
}

func plausible[ID ~string](ids []ID) []ID {
	if !slices.ContainsFunc(ids, func(id ID) bool { return !wellFormed(id) }) {
		return ids
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id ID) bool { return !wellFormed(id) })
}

// held returns ErrConflict unless the organization is still at the version that the draft was made
// from. A store reads a view statement by statement, so that rows may be newer than the version
// beside them. A change made on that fails at its guard; whoever is refused, or told that there is
// nothing to do, must be so on what held at one moment, too.
func (s *Service) held(ctx context.Context, d *draft) error {
	if d.org.was == nil {
		return nil
	}
	v, err := s.view(ctx, ViewQuery{Org: d.org.was.ID})
	if err != nil {
		return err
	}
	if v.Org.Version != d.org.was.Version {
		return &Error{Kind: ErrConflict}
	}
	return nil
}
