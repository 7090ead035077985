// Package riverqueue hands the mails of orgusers over to River, for a host that runs its background
// work there. Dispatch puts each mail into River and is done with it; when it is tried again, how often
// and by whom is River's business from then on.
//
//	river.AddWorker(workers, riverqueue.NewWorker(box, smtp))
//	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Workers: workers, …})
//	svc, err := orgusers.New(orgusers.Config{Mailer: riverqueue.New(client, box), …})
//
// The effect's id is the job's unique key. Dispatch hands a mail over again if the process died, or the
// database was away, before it was noted as handed over: River then has the id already, and refuses it.
// It remembers an id for as long as it keeps the finished job, a day unless configured otherwise
// (CompletedJobRetentionPeriod); repeats come after two minutes, or when the host is up again.
//
// What changes: a mail that became void after it was handed over is still sent, though its link opens
// nothing; and what was given up shows among River's discarded jobs, not in Operator.DeadLetters.
package riverqueue

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/orgusers/go-orgusers/examples/hosts/seal"
	"github.com/orgusers/go-orgusers/orgusers"
)

// Job is one mail in River's table.
type Job struct {
	ID   string `json:"id" river:"unique"`
	Mail []byte `json:"mail"` // closed: see package seal
}

// Kind implements river.JobArgs.
func (Job) Kind() string { return "orgusers_mail" }

// InsertOpts refuses an id that River has in whatever state, given up and cancelled ones too.
func (Job) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: rivertype.JobStates()}}
}

// Queue is the [orgusers.Mailer] that puts mails into River.
type Queue struct {
	client *river.Client[pgx.Tx]
	box    seal.Box
}

var _ orgusers.Mailer = (*Queue)(nil)

// New returns the mailer. The client may be one that only inserts.
func New(client *river.Client[pgx.Tx], box seal.Box) *Queue { return &Queue{client, box} }

// Send hands a mail over. One that River has already is no error.
func (q *Queue) Send(ctx context.Context, m orgusers.Mail) error {
	closed, err := q.box.Close(m)
	if err != nil {
		return err
	}
	_, err = q.client.Insert(ctx, Job{ID: string(m.ID), Mail: closed}, nil)
	return err
}

// Worker delivers what is in River.
type Worker struct {
	river.WorkerDefaults[Job]
	box    seal.Box
	mailer orgusers.Mailer
}

// NewWorker returns a worker that sends by this mailer, such as smtpmailer's.
func NewWorker(box seal.Box, mailer orgusers.Mailer) *Worker {
	return &Worker{box: box, mailer: mailer}
}

// Work implements river.Worker. It sends with the id of the effect: whoever dies between sending and
// noting it sends once more, with the same id.
func (w *Worker) Work(ctx context.Context, job *river.Job[Job]) error {
	err := w.box.Deliver(ctx, w.mailer, job.Args.ID, job.Args.Mail)
	if errors.Is(err, orgusers.ErrPermanent) {
		return river.JobCancel(err)
	}
	return err
}
