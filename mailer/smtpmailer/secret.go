package smtpmailer

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a credential that does not print: not by any verb of package fmt, not in JSON, not in a
// log (S-233).
type Secret string

const redacted = "[redacted]"

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (Secret) GoString() string { return redacted }

// Format prints "[redacted]" whatever the verb, so that %x and %q do not show the text.
func (Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalText returns "[redacted]", also for JSON. Reading a Secret works as for any string.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
