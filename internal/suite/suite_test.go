package suite_test

import (
	"testing"

	"github.com/orgusers/go-orgusers/internal/suite"
)

func TestInvitations(t *testing.T) { t.Parallel(); suite.Invitations(t, inMemory) }
func TestRoles(t *testing.T)       { t.Parallel(); suite.Roles(t, inMemory) }
func TestOwnership(t *testing.T)   { t.Parallel(); suite.Ownership(t, inMemory) }
func TestRemoval(t *testing.T)     { t.Parallel(); suite.Removal(t, inMemory) }
func TestTenants(t *testing.T)     { t.Parallel(); suite.Tenants(t, inMemory) }
func TestIPRules(t *testing.T)     { t.Parallel(); suite.IPRules(t, inMemory) }
func TestSSO(t *testing.T)         { t.Parallel(); suite.SSO(t, inMemory) }
func TestRaces(t *testing.T)       { t.Parallel(); suite.Races(t, 1, inMemory) }
