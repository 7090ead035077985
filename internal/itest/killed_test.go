package itest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/sqlstore"
)

// killedEnv names the job of a child, which is this test binary run again. It ends by being killed.
const killedEnv = "ORGUSERS_KILLED"

// killedJob is what a child is told.
type killedJob struct {
	DSN    string
	Key    []byte
	Round  int
	Now    time.Time // where its clock begins
	Org    orgusers.OrgID
	Admin  orgusers.UserID
	People []orgusers.MemberID // one for each worker, to make an administrator and a member in turn
	Heirs  []orgusers.MemberID // who become the owner in turn
}

// A killedStep is written to steps before something is tried and, once it was acknowledged, again.
type killedStep struct {
	Done    bool
	Subject string // an address, a person's id, or "owner"
	State   string // what becomes of it
}

// killedMail is written to mails by the mailer: it is then delivered.
type killedMail struct {
	ID   orgusers.EffectID
	Kind orgusers.MailKind
	To   string
}

const gone = "gone" // the state of whoever is not on the roster

// killedLog is a file that several processes add lines to, one system call each: whoever is killed has
// written a line or none.
type killedLog string

func (l killedLog) add(line any) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(string(l), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(append(text, '\n'))
	return err
}

// Send delivers.
func (l killedLog) Send(_ context.Context, m orgusers.Mail) error {
	return l.add(killedMail{ID: m.ID, Kind: m.Kind, To: m.To})
}

func killedLogs(dsn string) (steps, mails killedLog) {
	file, _ := database{dsn: dsn}.file()
	dir := filepath.Dir(file)
	return killedLog(filepath.Join(dir, "steps")), killedLog(filepath.Join(dir, "mails"))
}

// killed is the whole life of a child: two workers invite, give roles and remove, one hands the ownership
// to and fro, one delivers. It returns only what should not have happened.
func killed(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var job killedJob
	if err := json.Unmarshal(data, &job); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", job.DSN)
	if err != nil {
		return err
	}
	store, err := sqlstore.New(db, sqlstore.SQLite())
	if err != nil {
		return err
	}
	steps, mails := killedLogs(job.DSN)
	started := time.Now()
	svc, err := orgusers.New(orgusers.Config{
		Store: store, Mailer: mails, Keys: []orgusers.Key{job.Key}, Links: orgusers.Links{Base: "https://app.example.com/users"},
		Now: func() time.Time { return job.Now.Add(time.Since(started)) },
	})
	if err != nil {
		return err
	}
	actor := orgusers.Actor{User: job.Admin, SignedInAt: job.Now, IP: netip.MustParseAddr("203.0.113.5")}
	w := killedWorker{job, svc, svc.Admin(actor, job.Org), steps}
	failed := make(chan error)
	go func() { failed <- w.owners() }()
	go func() { failed <- w.dispatch() }()
	for i := range job.People {
		go func() { failed <- w.people(i) }()
	}
	return <-failed
}

type killedWorker struct {
	job   killedJob
	svc   *orgusers.Service
	admin orgusers.Admin
	steps killedLog
}

// step does something, with what it makes of its subject written down before and after.
func (w killedWorker) step(subject, state string, do func(ctx context.Context) error) error {
	if err := w.steps.add(killedStep{Subject: subject, State: state}); err != nil {
		return err
	}
	if err := do(context.Background()); err != nil {
		return fmt.Errorf("%s %s: %w", subject, state, err)
	}
	return w.steps.add(killedStep{Done: true, Subject: subject, State: state})
}

func (w killedWorker) role(subject string, id orgusers.MemberID, role orgusers.Role) error {
	return w.step(subject, string(role), func(ctx context.Context) error { return w.admin.Do(ctx, orgusers.SetRole{Role: role}, id) })
}

func (w killedWorker) people(worker int) error {
	roles := []orgusers.Role{orgusers.RoleAdmin, orgusers.RoleMember}
	for n := 0; ; n++ {
		email, id := fmt.Sprintf("r%d-w%d-%d@crowd.example", w.job.Round, worker, n), orgusers.MemberID("")
		err := w.step(email, string(orgusers.RoleMember), func(ctx context.Context) error {
			rep, err := w.admin.Invite(ctx, orgusers.Invitation{To: email})
			if err == nil && rep.Outcomes[0].Result != orgusers.Applied {
				err = errors.New(rep.Outcomes[0].Reason.Text())
			}
			if err == nil {
				id = rep.Outcomes[0].Member
			}
			return err
		})
		if err == nil && n%2 == 1 {
			err = w.role(email, id, orgusers.RoleAdmin)
		}
		if err == nil && n%3 == 2 {
			err = w.step(email, gone, func(ctx context.Context) error { return w.admin.Do(ctx, orgusers.Remove{}, id) })
		}
		if err == nil {
			person := w.job.People[worker]
			err = w.role(string(person), person, roles[n%2])
		}
		if err != nil {
			return err
		}
	}
}

func (w killedWorker) owners() error {
	support := w.svc.Operator(orgusers.Actor{User: "support"})
	for n := 0; ; n++ {
		heir := w.job.Heirs[n%len(w.job.Heirs)]
		err := w.step("owner", string(heir), func(ctx context.Context) error { return support.RestoreOwner(ctx, w.job.Org, heir) })
		if err != nil {
			return err
		}
	}
}

func (w killedWorker) dispatch() error {
	for {
		if _, err := w.svc.Dispatch(context.Background(), 10); err != nil {
			return err
		}
	}
}
