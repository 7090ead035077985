package world_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

func TestSmoke(t *testing.T) {
	w := world.New(t, memstore.New())
	org := w.NewOrg("Acme", "olivia@acme.example")
	ctx := world.Ctx()
	stack, err := org.Admin().CreateStack(ctx, "Website")
	require.NoError(t, err)
	jane := org.Join("jane@acme.example", orgusers.RoleAdmin, orgusers.StackAccess{Stack: stack, Roles: []orgusers.RoleID{orgusers.RoleDeveloper}})
	bob := org.Join("bob@acme.example", orgusers.RoleMember)
	org.Invite("pat@acme.example", orgusers.RoleMember)
	rep, err := org.As(jane).Apply(ctx, orgusers.Remove{}, bob.ID, jane.ID, org.Member("olivia@acme.example").ID, "nope")
	require.NoError(t, err)
	for _, o := range rep.Outcomes {
		fmt.Printf("%+v\n", o)
	}
	fmt.Println(&rep)
	_, err = w.Svc.Access(ctx, w.Actor(bob.User), org.ID)
	fmt.Println(err)
	acc, err := w.Svc.Access(ctx, w.Actor(jane.User), org.ID)
	require.NoError(t, err)
	require.True(t, acc.Can(stack, orgusers.PermissionWrite))
	require.NoError(t, org.Admin().OfferOwnership(ctx, "jane@acme.example"))
	w.Dispatch()
	require.NoError(t, w.Visitor().AcceptOwnership(ctx, w.Token("jane@acme.example")))
	w.Clock.Tick(time.Second)
	var buf bytes.Buffer
	require.NoError(t, org.As(jane).ExportCSV(ctx, &buf, orgusers.ExportOptions{}))
	fmt.Println(buf.String())
	v, err := org.As(jane).Verify(ctx)
	require.NoError(t, err)
	fmt.Printf("%+v %+v\n", v, org.Record().Tally)
	buf.Reset()
	require.NoError(t, org.As(jane).ExportAudit(ctx, &buf, orgusers.AuditList{}))
	fmt.Println(buf.String())
}
