package itest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/itest/faultdriver"
	"github.com/orgusers/go-orgusers/orgusers"
)

// The host's own rows and the store's commit together or not at all.
func TestWithTx(t *testing.T) {
	t.Parallel()
	onEachDriver(t, func(t *testing.T, d database) {
		db := d.open(t, 4)
		s := d.store(t, db)
		o := prepared(t, s)
		_, err := db.Exec("CREATE TABLE host (n INTEGER)")
		require.NoError(t, err)
		hostRows := func() (n int) {
			require.NoError(t, db.QueryRow("SELECT COUNT(*) FROM host").Scan(&n))
			return n
		}
		before := dump(t, db)
		for _, commit := range []bool{false, true} {
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			in := s.WithTx(tx)
			_, err = tx.Exec("INSERT INTO host (n) VALUES (1)")
			require.NoError(t, err)
			require.NoError(t, in.Commit(t.Context(), everything(o)))
			require.NoError(t, in.Touch(t.Context(), "o-u4", at(500)))
			require.NoError(t, in.Record(t.Context(), []orgusers.AuditEntry{{ID: "a9", Org: "o"}}, nil))
			n, err := in.Bump(t.Context(), []orgusers.Counter{{Key: "k", Add: 3, ExpiresAt: at(1)}})
			require.NoError(t, err)
			require.Equal(t, []int64{3}, n)
			claimed, err := in.Claim(t.Context(), orgusers.ClaimQuery{Now: at(1), Until: at(2), Lease: "l", Limit: 5})
			require.NoError(t, err)
			require.Len(t, claimed, 1)
			require.Equal(t, "changed", organization(t, in, "o").Name, "inside, the change is seen")
			page, err := in.Members(t.Context(), orgusers.MemberQuery{Org: "o", Limit: 10, Grants: true})
			require.NoError(t, err)
			require.Len(t, page, 6)
			if commit {
				require.NoError(t, tx.Commit())
				require.Equal(t, 1, hostRows())
				require.Equal(t, "changed", organization(t, s, "o").Name)
			} else {
				require.NoError(t, tx.Rollback())
				require.Zero(t, hostRows())
				require.Equal(t, before, dump(t, db))
			}
		}
	})
}

// A conflict is reported and left to the host; the store ends nothing.
func TestWithTxConflict(t *testing.T) {
	t.Parallel()
	onEachDriver(t, func(t *testing.T, d database) {
		db := d.open(t, 4)
		s := d.store(t, db)
		o := prepared(t, s)
		before := dump(t, db)
		o.Version--
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		require.ErrorIs(t, s.WithTx(tx).Commit(t.Context(), everything(o)), orgusers.ErrConflict)
		require.NoError(t, tx.Rollback(), "still the host's to end")
		require.Equal(t, before, dump(t, db))
	})
}

// Nothing is begun, ended or kept prepared inside a host's transaction, and one connection is enough.
func TestWithTxCalls(t *testing.T) {
	t.Parallel()
	s, control, db := counted(t, sqliteDatabase(t))
	o := prepared(t, s)
	db.SetMaxOpenConns(1)
	tx, err := db.Begin()
	require.NoError(t, err)
	control.Reset()
	require.NoError(t, s.WithTx(tx).Commit(t.Context(), everything(o)))
	require.NotContains(t, control.Calls(), faultdriver.Begin)
	require.NotContains(t, control.Calls(), faultdriver.Commit)
	require.Len(t, control.Calls(), calls-2)
	require.Error(t, s.WithTx(tx).Migrate(t.Context()))
	require.NoError(t, tx.Rollback())
	require.NoError(t, s.Commit(t.Context(), everything(o)), "preparing waits for no second connection")
}
