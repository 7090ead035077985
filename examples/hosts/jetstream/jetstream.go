// Package jetstream hands the mails of orgusers over to NATS JetStream, for a host that runs its
// background work there. Dispatch publishes each mail and is done with it; when it is tried again, how
// often and by whom is the stream's business from then on.
//
//	err := jetstream.Setup(ctx, js)
//	svc, err := orgusers.New(orgusers.Config{Mailer: jetstream.New(js, box), …})
//	stop, err := jetstream.Work(ctx, js, box, smtp)
//
// The effect's id is the message's id. Dispatch hands a mail over again if the process died, or the
// database was away, before it was noted as handed over: the stream then has the id already, and
// refuses it. It remembers ids for its duplicate window, which is two minutes by default, just when a
// repeat comes: [Setup] makes it a day.
//
// What changes: a mail that became void after it was handed over is still sent, though its link opens
// nothing; and what was given up is told by the server's advisories, not by Operator.DeadLetters.
package jetstream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orgusers/go-orgusers/examples/hosts/seal"
	"github.com/orgusers/go-orgusers/orgusers"
)

const (
	stream  = "ORGUSERS_MAIL"
	subject = "orgusers.mail"
	worker  = "mailers"
	idKey   = jetstream.MsgIDHeader

	remembered = 24 * time.Hour // for how long an id is refused; longer than the host may be down
	tries      = 12
)

// Setup makes the stream, and the consumer that all workers share. Repeating it is harmless.
func Setup(ctx context.Context, js jetstream.JetStream) error {
	s, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: stream, Subjects: []string{subject}, Duplicates: remembered,
		Retention: jetstream.WorkQueuePolicy, // a delivered mail is gone from the stream
		MaxAge:    7 * 24 * time.Hour,
	})
	if err != nil {
		return err
	}
	_, err = s.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: worker, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute, MaxDeliver: tries,
	})
	return err
}

// Queue is the [orgusers.Mailer] that publishes mails.
type Queue struct {
	js  jetstream.JetStream
	box seal.Box
}

var _ orgusers.Mailer = (*Queue)(nil)

// New returns the mailer.
func New(js jetstream.JetStream, box seal.Box) *Queue { return &Queue{js, box} }

// Send hands a mail over, and returns when the stream has it on disk. One that it has already is no
// error.
func (q *Queue) Send(ctx context.Context, m orgusers.Mail) error {
	closed, err := q.box.Close(m)
	if err != nil {
		return err
	}
	_, err = q.js.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: closed}, jetstream.WithMsgID(string(m.ID)))
	return err
}

// Work delivers by the mailer, such as smtpmailer's, until stop is called. Many processes may.
func Work(ctx context.Context, js jetstream.JetStream, box seal.Box, mailer orgusers.Mailer) (stop func(), err error) {
	c, err := js.Consumer(ctx, stream, worker)
	if err != nil {
		return nil, err
	}
	consuming, err := c.Consume(func(msg jetstream.Msg) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second) // below AckWait
		defer cancel()
		deliver(ctx, msg, box, mailer)
	})
	if err != nil {
		return nil, err
	}
	return consuming.Stop, nil
}

// deliver sends with the id of the effect: whoever dies between sending and acknowledging it sends once
// more, with the same id. The errors of acknowledging mean just that.
func deliver(ctx context.Context, msg jetstream.Msg, box seal.Box, mailer orgusers.Mailer) {
	err := box.Deliver(ctx, mailer, msg.Headers().Get(idKey), msg.Data())
	switch {
	case err == nil:
		_ = msg.DoubleAck(ctx)
	case errors.Is(err, orgusers.ErrPermanent):
		_ = msg.TermWithReason(err.Error())
	default:
		_ = msg.NakWithDelay(backoff(msg))
	}
}

// backoff doubles from a second to an hour.
func backoff(msg jetstream.Msg) time.Duration {
	n := uint64(1)
	if meta, err := msg.Metadata(); err == nil {
		n = meta.NumDelivered
	}
	return min(time.Second<<min(n-1, 12), time.Hour)
}
