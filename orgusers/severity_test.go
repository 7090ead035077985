package orgusers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

// TestSeverity: the events that R10.3 names, and one that nobody has named.
func TestSeverity(t *testing.T) {
	t.Parallel()
	for action, want := range map[orgusers.Action]orgusers.Severity{
		orgusers.ActionUnlock:             orgusers.SeverityWarning,
		orgusers.ActionInvite:             orgusers.SeverityInfo,
		orgusers.ActionRemove:             orgusers.SeverityWarning,
		orgusers.ActionSetRole:            orgusers.SeverityInfo,
		orgusers.ActionForcePasswordReset: orgusers.SeverityWarning,
		orgusers.ActionResetMFA:           orgusers.SeverityWarning,
		orgusers.ActionSetSecurity:        orgusers.SeverityCritical,
		orgusers.ActionSetSSO:             orgusers.SeverityCritical,
		orgusers.ActionAcceptOwnership:    orgusers.SeverityCritical,
		"host.action":                     orgusers.SeverityInfo,
	} {
		require.Equal(t, want, action.Severity(), action)
	}
}
