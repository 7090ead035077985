package scssession

import (
	"context"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
)

// Entry is what an [Index] knows of a session. Times are whole microseconds.
type Entry struct {
	Key      string // what the store of scs finds it by: the hash of its token, 43 characters
	User     orgusers.UserID
	Began    time.Time // when the person signed in
	Deadline time.Time // when it ends by itself at the latest
}

// Index finds the sessions of a user. It only points: whether a session is alive is for the store of
// scs to say. It is used by several goroutines and, if it is shared, by several processes.
//
// Add writes and then reads what End has written, End the other way round. An index on a database
// must let each see what the other has committed before, as a single server does.
type Index interface {
	// Add notes a session, or what has changed about one, and tells afterwards whether End was called
	// for its user with a time that is not before its beginning. It may use the occasion to forget
	// entries and ends whose time was over before stale.
	Add(ctx context.Context, e Entry, stale time.Time) (ended bool, err error)
	// End notes, to be kept until the given time, that the user's sessions that began at or before
	// the other one are over, and returns those it then knows. A later call never takes back an
	// earlier one. It forgets nothing: Remove does, once the sessions are gone.
	End(ctx context.Context, user orgusers.UserID, before, until time.Time) ([]Entry, error)
	// List returns the sessions it knows of the users, in no order.
	List(ctx context.Context, users []orgusers.UserID) ([]Entry, error)
	// Remove forgets sessions. One it does not know is no error.
	Remove(ctx context.Context, keys ...string) error
}
