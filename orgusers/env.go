package orgusers

import (
	"crypto/rand"
	"io"
	"time"

	"github.com/google/uuid"
)

// systemEnv is the one place where the clock and randomness of the machine come in.
func systemEnv() (now func() time.Time, newID func() string, random io.Reader) {
	return time.Now, func() string { return uuid.Must(uuid.NewV7()).String() }, rand.Reader
}
