package itest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/suite"
	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// TestS218_Kill: a process that invites, gives roles, removes, hands over the ownership and delivers is
// killed at any moment, again and again. What it was told is done is there; what it was not is there whole or
// not at all; a mail goes out if and only if its change is there, and twice only over the grave.
func TestS218_Kill(t *testing.T) {
	t.Parallel()
	files, rounds := 1, 20
	if soaking {
		files, rounds = 20, 25 // 500; in a few files, as every round reads all there is
	}
	for i := range files {
		t.Run(fmt.Sprintf("SQLite%d", i), func(t *testing.T) {
			t.Parallel()
			killAndCheck(t, sqliteDatabase(t), rounds)
		})
	}
}

func killAndCheck(t *testing.T, d database, rounds int) {
	k := &killing{d: d, states: map[string]string{}}
	k.steps, k.mails = killedLogs(d.dsn)
	k.restarted(t, func(w *world.World) {
		admin, heir := suite.Person{Email: "adam@acme.example", Role: orgusers.RoleAdmin}, suite.Person{Email: "hugo@acme.example"}
		org := suite.NewOrg(t, w, "Acme", "olivia@acme.example", admin, heir, suite.Person{Email: "p0@acme.example"}, suite.Person{Email: "p1@acme.example"})
		k.job = killedJob{
			DSN: d.dsn, Key: w.Conf.Keys[0], Org: org.ID, Admin: org.Member("adam@acme.example").User,
			People: []orgusers.MemberID{org.Member("p0@acme.example").ID, org.Member("p1@acme.example").ID},
			Heirs:  []orgusers.MemberID{org.Member("hugo@acme.example").ID, org.Member("olivia@acme.example").ID},
		}
		k.states["owner"] = string(k.job.Heirs[1])
		for _, p := range k.job.People {
			k.states[string(p)] = string(orgusers.RoleMember)
		}
	})
	done, unsure := 0, 0
	for range rounds {
		k.job.Round++
		if k.states["owner"] == string(k.job.Heirs[0]) {
			slices.Reverse(k.job.Heirs)
		}
		k.kill(t)
		k.restarted(t, func(w *world.World) {
			a, b := k.check(t, w)
			done, unsure = done+a, unsure+b
		})
	}
	t.Logf("%d kills: %d changes acknowledged, %d interrupted; %d mails, %d of them again", rounds, done, unsure, k.sent, k.again)
	require.Greater(t, done, rounds, "it does something")
	require.Positive(t, unsure, "it is killed in the middle")
	require.Positive(t, k.sent)
}

// killing is what the one who kills remembers.
type killing struct {
	d            database
	job          killedJob
	steps, mails killedLog
	read         int               // lines of steps that were looked at
	states       map[string]string // of every subject, as it was found after the last kill
	sent, again  int
}

// restarted is the host after a restart, so late that no lease of the killed one holds any more.
func (k *killing) restarted(t *testing.T, do func(w *world.World)) {
	db := k.d.connect(t, 4)
	w := world.New(t, k.d.store(t, db), func(c *orgusers.Config) { c.Mailer = k.mails })
	w.Clock.Tick(time.Duration(k.job.Round) * 10 * time.Minute)
	do(w)
	k.job.Now = w.Clock.Now()
	require.NoError(t, db.Close()) // the last one to close: the child finds a file, as after a start
}

// kill starts a child and kills it at some moment of its work.
func (k *killing) kill(t *testing.T) {
	job, err := json.Marshal(k.job)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "job")
	require.NoError(t, os.WriteFile(file, job, 0o600))
	exe, err := os.Executable()
	require.NoError(t, err)
	var said bytes.Buffer
	child := exec.CommandContext(t.Context(), exe)
	child.Env, child.Stdout, child.Stderr = append(os.Environ(), killedEnv+"="+file), &said, &said
	// By what it has done and not by the clock alone, which on a busy machine shows nothing but its start.
	enough := k.steps.count(t) + 1 + rand.IntN(100)
	require.NoError(t, child.Start())
	for end := time.Now().Add(time.Minute); k.steps.count(t) < enough && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(time.Duration(rand.Int64N(int64(5 * time.Millisecond))))
	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	status, ok := child.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok && status.Signaled() && status.Signal() == syscall.SIGKILL, "it ended by itself: %s", said.String())
	require.GreaterOrEqual(t, k.steps.count(t), enough, "it hangs")
}

// check compares what is there with what was acknowledged and what was mailed. It returns how many changes
// were acknowledged since the last kill, and how many were under way.
func (k *killing) check(t *testing.T, w *world.World) (done, unsure int) {
	suite.CheckOrg(t, w, k.job.Org) // one owner, the tally, the audit chain
	org := w.Existing(k.job.Org)
	there := map[string]string{}
	members, err := w.Store.Members(t.Context(), orgusers.MemberQuery{Org: org.ID, Sort: orgusers.SortEmail, Limit: 1 << 30})
	require.NoError(t, err)
	for _, m := range members {
		there[string(m.ID)], there[m.Address.Email] = string(m.Role), string(m.Role)
		if m.User == org.Record().OwnerID {
			there["owner"] = string(m.ID)
		}
	}
	state := func(subject string) string {
		if s, ok := there[subject]; ok {
			return s
		}
		return gone
	}

	under := map[string]string{} // what was tried and not acknowledged
	steps := lines[killedStep](t, k.steps)
	for _, s := range steps[k.read:] {
		if !s.Done {
			under[s.Subject] = s.State
			if _, known := k.states[s.Subject]; !known {
				k.states[s.Subject] = gone
			}
			continue
		}
		done++
		k.states[s.Subject] = s.State
		delete(under, s.Subject)
	}
	k.read = len(steps)
	for subject, want := range k.states {
		got := state(subject)
		if tried, ok := under[subject]; ok && got == tried {
			want = got
		}
		require.Equal(t, want, got, "%s, interrupted on the way to %q", subject, under[subject])
		k.states[subject] = got
	}
	for subject := range there {
		require.True(t, k.states[subject] != "" || !bytes.Contains([]byte(subject), []byte("@crowd.")), "%s came from nowhere", subject)
	}
	k.checkMails(t, w, there)
	return done, len(under)
}

// checkMails delivers what the killed one left and compares all mails with the changes in the trail.
func (k *killing) checkMails(t *testing.T, w *world.World, there map[string]string) {
	for {
		n, err := w.Svc.Dispatch(t.Context(), 500)
		require.NoError(t, err)
		if n == 0 {
			break
		}
	}
	require.Empty(t, w.Outbox(false), "nothing is left")
	require.Empty(t, w.Outbox(true), "nothing is given up")

	invited, owners := map[string]int{}, map[orgusers.OperationID]bool{}
	for _, e := range w.Trail(k.job.Org) {
		switch {
		case e.Result != orgusers.Applied:
		case e.Action == orgusers.ActionInvite:
			invited[e.Email]++
		case e.Action == orgusers.ActionRestoreOwner:
			owners[e.Operation] = true
		}
	}
	ids, to, taken := map[orgusers.EffectID]bool{}, map[string]int{}, 0
	mails := lines[killedMail](t, k.mails)
	for _, m := range mails {
		if ids[m.ID] {
			continue
		}
		ids[m.ID] = true
		switch m.Kind {
		case orgusers.MailInvitation:
			to[m.To]++
		case orgusers.MailOwnershipTaken:
			taken++
		}
	}
	require.Equal(t, len(owners), taken, "each former owner is told, once for each time")
	for email, n := range to {
		require.LessOrEqual(t, n, invited[email], "%s was mailed and not invited", email)
	}
	for email, n := range invited {
		if there[email] != "" {
			require.Equal(t, n, to[email], "%s was invited and not mailed", email)
		}
	}
	k.sent, k.again = len(mails), len(mails)-len(ids)
	require.LessOrEqual(t, k.again, k.job.Round, "twice only what was under way when the process died")
}

// read is what is in a log, if there is one.
func (l killedLog) read(t *testing.T) []byte {
	data, err := os.ReadFile(string(l))
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return data
}

func (l killedLog) count(t *testing.T) int { return bytes.Count(l.read(t), []byte("\n")) }

// lines are those of a log.
func lines[T any](t *testing.T, l killedLog) (out []T) {
	for s := bufio.NewScanner(bytes.NewReader(l.read(t))); s.Scan(); {
		var line T
		require.NoError(t, json.Unmarshal(s.Bytes(), &line), s.Text())
		out = append(out, line)
	}
	return out
}
