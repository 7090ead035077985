package jetstream_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	nj "github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/examples/hosts/internal/crash"
	"github.com/orgusers/go-orgusers/examples/hosts/jetstream"
	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

// connect starts a NATS server of the test's own, with its stream on disk below dir.
func connect(t *testing.T, dir string) nj.JetStream {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, NoSigs: true})
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	require.True(t, s.ReadyForConnections(10*time.Second))
	nc, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := nj.New(nc)
	require.NoError(t, err)
	require.NoError(t, jetstream.Setup(t.Context(), js))
	require.NoError(t, jetstream.Setup(t.Context(), js), "again is harmless")
	return js
}

func messages(t *testing.T, js nj.JetStream) uint64 {
	t.Helper()
	s, err := js.Stream(t.Context(), "ORGUSERS_MAIL")
	require.NoError(t, err)
	info, err := s.Info(t.Context())
	require.NoError(t, err)
	return info.State.Msgs
}

// S-219: handed over three times, each mail is one message and comes once, before and after it is done.
func TestJetStreamRefusesDuplicates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	js := connect(t, dir)
	inbox, box := &world.Inbox{}, crash.Box(t)
	queue := jetstream.New(js, box)
	h := crash.New(t, memstore.New(), queue)
	h.HandOver()
	require.Equal(t, uint64(len(crash.People)), messages(t, js))
	var written []byte
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		written = append(written, data...)
		return err
	}))

	for range 2 { // two workers
		stop, err := jetstream.Work(t.Context(), js, box, inbox)
		require.NoError(t, err)
		t.Cleanup(stop)
	}
	h.Delivered(inbox)
	require.Eventually(t, func() bool { return messages(t, js) == 0 }, 10*time.Second, 10*time.Millisecond)
	for _, m := range inbox.All() {
		require.Contains(t, string(written), string(m.ID), "this is where the stream is kept")
	}
	for _, secret := range crash.Secrets(inbox) {
		require.NotContains(t, string(written), secret)
	}

	// The process that handed over died, and the next one was late: the mail is delivered already.
	for _, m := range inbox.All() {
		require.NoError(t, queue.Send(t.Context(), m))
	}
	require.Zero(t, messages(t, js))
}

// The window is longer than two minutes, which is when a repeat comes.
func TestJetStreamRemembersLongEnough(t *testing.T) {
	t.Parallel()
	s, err := connect(t, t.TempDir()).Stream(t.Context(), "ORGUSERS_MAIL")
	require.NoError(t, err)
	require.Equal(t, 24*time.Hour, s.CachedInfo().Config.Duplicates)
}

// A mailer that fails is tried again by the stream; what can never be sent is not.
func TestJetStreamTriesAgain(t *testing.T) {
	t.Parallel()
	js, box := connect(t, t.TempDir()), crash.Box(t)
	inbox := &world.Inbox{}
	var tried atomic.Int64
	failed := map[string]bool{}
	inbox.Fail = func(m orgusers.Mail) error {
		tried.Add(1)
		switch {
		case m.To == crash.People[0]:
			return fmt.Errorf("%w: no such mailbox", orgusers.ErrPermanent)
		case !failed[m.To]:
			failed[m.To] = true
			return errors.New("try later")
		}
		return nil
	}
	h := crash.New(t, memstore.New(), jetstream.New(js, box))
	h.HandOver()
	stop, err := jetstream.Work(t.Context(), js, box, inbox)
	require.NoError(t, err)
	t.Cleanup(stop)
	require.Eventually(t, func() bool { return messages(t, js) == 0 }, 30*time.Second, 10*time.Millisecond)
	require.Len(t, inbox.All(), len(crash.People)-1)
	require.Equal(t, int64(2*len(crash.People)-1), tried.Load())
}
