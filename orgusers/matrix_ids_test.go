package orgusers_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/internal/world"
	"github.com/orgusers/go-orgusers/orgusers"
)

// matrixIDs are the types of id that belong to one organization and are given to a door. The
// organization's own id is the actors' business: [TestS036_EveryMethodForEveryActor].
func matrixIDs() map[reflect.Type]string {
	return map[reflect.Type]string{
		reflect.TypeFor[orgusers.MemberID](): "MemberID",
		reflect.TypeFor[orgusers.StackID]():  "StackID",
		reflect.TypeFor[orgusers.RoleID]():   "RoleID",
		reflect.TypeFor[orgusers.UserID]():   "UserID",
	}
}

// idsWithin collects the types of id in a parameter, however deep. An Operation may be any of them.
func idsWithin(t reflect.Type, found map[string]bool) {
	if name, ok := matrixIDs()[t]; ok {
		found[name] = true
		return
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Pointer:
		idsWithin(t.Elem(), found)
	case reflect.Struct:
		if strings.HasSuffix(t.PkgPath(), "/orgusers") {
			for i := range t.NumField() {
				idsWithin(t.Field(i).Type, found)
			}
		}
	case reflect.Interface:
		if t == reflect.TypeFor[orgusers.Operation]() {
			for _, op := range matrixOperations(&matrixWorld{}, nil) {
				idsWithin(reflect.TypeOf(op), found)
			}
		}
	}
}

// matrixIDParameters lists "Door.Method IDType" for every id parameter of the Admin and Operator doors.
func matrixIDParameters() []string {
	var all []string
	for name, door := range matrixDoors() {
		if name != "Admin" && name != "Operator" {
			continue
		}
		for i := range door.NumMethod() {
			found := map[string]bool{}
			for k := range door.Method(i).Type.NumIn() - 1 { // without the receiver
				idsWithin(door.Method(i).Type.In(k+1), found)
			}
			for id := range found {
				all = append(all, name+"."+door.Method(i).Name+" "+id)
			}
		}
	}
	slices.Sort(all)
	return all
}

// idCall passes one id to one method as Acme's owner (or the operator), with everything else in
// order. What it returns must be comparable between two worlds: no ids made there.
type idCall func(x *matrixWorld, id string) (any, error)

func matrixIDCalls() map[string]idCall {
	ctx := world.Ctx()
	owner := func(x *matrixWorld) orgusers.Admin { return x.Svc.Admin(x.actor("owner"), x.acme.org.ID) }
	report := func(rep orgusers.Report, err error) (any, error) {
		var lines []string
		for i := range rep.Outcomes {
			lines = append(lines, rep.Outcomes[i].Email+" "+outcome(&rep.Outcomes[i]))
		}
		return lines, err
	}
	access := func(x *matrixWorld, stack, role string) []orgusers.StackAccess {
		a := orgusers.StackAccess{Stack: orgusers.StackID(stack), Roles: []orgusers.RoleID{orgusers.RoleID(role)}}
		if stack == "" {
			a.Stack = x.stacks["mark"]
		}
		if role == "" {
			a.Roles = []orgusers.RoleID{orgusers.RoleDeveloper}
		}
		return []orgusers.StackAccess{a}
	}
	invitation := func(a []orgusers.StackAccess) orgusers.Invitation {
		return orgusers.Invitation{To: "new@acme.example", Stacks: a}
	}
	groups := func(a []orgusers.StackAccess) orgusers.GroupRole {
		return orgusers.GroupRole{Group: "staff", Role: orgusers.RoleMember, Grants: []orgusers.Grant{{Stack: a[0].Stack, Role: a[0].Roles[0]}}}
	}
	calls := map[string]idCall{
		"Admin.SetSSO UserID": func(x *matrixWorld, id string) (any, error) {
			return nil, owner(x).SetSSO(ctx, orgusers.SSO{Enabled: true, Keeper: orgusers.UserID(id)})
		},
		"Admin.SetGroups StackID": func(x *matrixWorld, id string) (any, error) {
			return nil, owner(x).SetGroups(ctx, groups(access(x, id, "")))
		},
		"Admin.SetGroups RoleID": func(x *matrixWorld, id string) (any, error) {
			return nil, owner(x).SetGroups(ctx, groups(access(x, "", id)))
		},
		"Admin.Invite StackID": func(x *matrixWorld, id string) (any, error) {
			return report(owner(x).Invite(ctx, invitation(access(x, id, ""))))
		},
		"Admin.Invite RoleID": func(x *matrixWorld, id string) (any, error) {
			return report(owner(x).Invite(ctx, invitation(access(x, "", id))))
		},
		"Admin.PreviewInvite StackID": func(x *matrixWorld, id string) (any, error) {
			return report(owner(x).PreviewInvite(ctx, invitation(access(x, id, ""))))
		},
		"Admin.PreviewInvite RoleID": func(x *matrixWorld, id string) (any, error) {
			return report(owner(x).PreviewInvite(ctx, invitation(access(x, "", id))))
		},
		"Admin.RenameStack StackID": func(x *matrixWorld, id string) (any, error) {
			return nil, owner(x).RenameStack(ctx, orgusers.StackID(id), "New")
		},
		"Admin.DeleteStack StackID": func(x *matrixWorld, id string) (any, error) {
			return nil, owner(x).DeleteStack(ctx, orgusers.StackID(id))
		},
		"Admin.UpdateRole RoleID": func(x *matrixWorld, id string) (any, error) {
			return nil, owner(x).UpdateRole(ctx, orgusers.RoleID(id), "New", "a:b")
		},
		"Admin.DescribeRole RoleID": func(x *matrixWorld, id string) (any, error) {
			return nil, owner(x).DescribeRole(ctx, orgusers.RoleID(id), "New")
		},
		"Admin.DeleteRole RoleID": func(x *matrixWorld, id string) (any, error) {
			return nil, owner(x).DeleteRole(ctx, orgusers.RoleID(id))
		},
		"Admin.Allowed MemberID": func(x *matrixWorld, id string) (any, error) {
			menu, err := owner(x).Allowed(ctx, orgusers.MemberID(id), x.acme.member("mia").ID)
			return len(menu), err
		},
		"Admin.Member MemberID": func(x *matrixWorld, id string) (any, error) {
			return owner(x).Member(ctx, orgusers.MemberID(id))
		},
		"Admin.Members StackID": func(x *matrixWorld, id string) (any, error) {
			page, err := owner(x).Members(ctx, orgusers.List{MemberFilter: orgusers.MemberFilter{Stack: orgusers.StackID(id)}})
			return page, err
		},
		"Admin.All StackID": func(x *matrixWorld, id string) (any, error) {
			n := 0
			for _, err := range owner(x).All(ctx, orgusers.List{MemberFilter: orgusers.MemberFilter{Stack: orgusers.StackID(id)}}) {
				if err != nil {
					return nil, err
				}
				n++
			}
			return n, nil
		},
		"Operator.RestoreOwner MemberID": func(x *matrixWorld, id string) (any, error) {
			return nil, x.Operator().RestoreOwner(ctx, x.acme.org.ID, orgusers.MemberID(id))
		},
	}
	trails := map[string]func(x *matrixWorld, f orgusers.AuditFilter) (any, error){
		"Admin.Audit": func(x *matrixWorld, f orgusers.AuditFilter) (any, error) {
			page, err := owner(x).Audit(ctx, orgusers.AuditList{AuditFilter: f})
			return len(page.Entries), err
		},
		"Admin.AuditTrail": func(x *matrixWorld, f orgusers.AuditFilter) (any, error) {
			n := 0
			for _, err := range owner(x).AuditTrail(ctx, orgusers.AuditList{AuditFilter: f}) {
				if err != nil {
					return nil, err
				}
				n++
			}
			return n, nil
		},
		"Admin.ExportAudit": func(x *matrixWorld, f orgusers.AuditFilter) (any, error) {
			var w bytes.Buffer
			err := owner(x).ExportAudit(ctx, &w, orgusers.AuditList{AuditFilter: f})
			return strings.Count(w.String(), "\r\n"), err
		},
	}
	for name, ask := range trails {
		calls[name+" MemberID"] = func(x *matrixWorld, id string) (any, error) {
			return ask(x, orgusers.AuditFilter{Member: orgusers.MemberID(id)})
		}
		calls[name+" UserID"] = func(x *matrixWorld, id string) (any, error) {
			return ask(x, orgusers.AuditFilter{Actor: orgusers.UserID(id)})
		}
	}
	asked := map[string]func(x *matrixWorld, op orgusers.Operation, id orgusers.MemberID) (any, error){
		"Admin.Apply": func(x *matrixWorld, op orgusers.Operation, id orgusers.MemberID) (any, error) {
			return report(owner(x).Apply(ctx, op, id))
		},
		"Admin.Preview": func(x *matrixWorld, op orgusers.Operation, id orgusers.MemberID) (any, error) {
			return report(owner(x).Preview(ctx, op, id))
		},
		"Admin.Do": func(x *matrixWorld, op orgusers.Operation, id orgusers.MemberID) (any, error) {
			return nil, owner(x).Do(ctx, op, id)
		},
		"Admin.Permit": func(x *matrixWorld, op orgusers.Operation, id orgusers.MemberID) (any, error) {
			return owner(x).Permit(ctx, op, id)
		},
	}
	for name, ask := range asked {
		calls[name+" MemberID"] = func(x *matrixWorld, id string) (any, error) {
			return ask(x, orgusers.Rename{Name: orgusers.Name{First: "Renamed"}}, orgusers.MemberID(id))
		}
		calls[name+" StackID"] = func(x *matrixWorld, id string) (any, error) {
			return ask(x, orgusers.SetStacks{Stacks: access(x, id, "")}, x.acme.member("mia").ID)
		}
		calls[name+" RoleID"] = func(x *matrixWorld, id string) (any, error) {
			return ask(x, orgusers.SetStacks{Stacks: access(x, "", id)}, x.acme.member("mia").ID)
		}
	}
	return calls
}

// TestS156_ForeignIDs: an id of another organization, wherever one can be given, answers as a random
// one does: the same outcome, the same error in text and kind and fields; both organizations stay as
// they were. That an own id answers otherwise shows that the id is looked at. A new id parameter
// without a row fails.
func TestS156_ForeignIDs(t *testing.T) {
	t.Parallel()
	calls := matrixIDCalls()
	require.ElementsMatch(t, matrixIDParameters(), keysOf(calls), "a row for each id parameter")
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, kind, _ := strings.Cut(name, " ")
			ask := func(of func(x *matrixWorld) string) (any, *orgusers.Error) {
				x := newMatrixWorld(t, false)
				// Something of Bolt's is in Bolt's trail, and something of Acme's in Acme's.
				ctx := world.Ctx()
				require.NoError(t, x.Svc.Admin(x.actor("foreign"), x.bolt.org.ID).Do(ctx, orgusers.SetRole{Role: orgusers.RoleAdmin}, x.bolt.member("petra").ID))
				require.NoError(t, x.Svc.Admin(x.actor("admin"), x.acme.org.ID).Do(ctx, orgusers.SetRole{Role: orgusers.RoleAdmin}, x.acme.member("mark").ID))
				if name == "Admin.SetSSO UserID" { // there is a keeper where there is no owner
					x.PatchOrg(x.acme.org.ID, func(o *orgusers.Organization) { o.OwnerID, o.Transfer = "", orgusers.Transfer{} })
				}
				before := x.dump()
				result, err := call(x, of(x))
				after := x.dump()
				require.Equal(t, before.of(t, x.bolt.org.ID), after.of(t, x.bolt.org.ID), "Bolt is left alone")
				if of(x) != ownID(x, kind) {
					kept, _ := before.beside()
					left, _ := after.beside()
					require.Equal(t, kept, left, "nothing is changed")
				}
				var e *orgusers.Error
				if err != nil {
					require.ErrorAs(t, err, &e)
					e.Member = "" // repeats what was given
				}
				return result, e
			}
			foreign, foreignErr := ask(func(x *matrixWorld) string { return foreignID(x, kind) })
			random, randomErr := ask(func(*matrixWorld) string { return officeID[string]("nothing at all") })
			require.Equal(t, random, foreign)
			require.Equal(t, randomErr, foreignErr)
			if randomErr != nil {
				require.Equal(t, randomErr.Error(), foreignErr.Error())
			}
			own, ownErr := ask(func(x *matrixWorld) string { return ownID(x, kind) })
			require.NotEqual(t, []any{random, randomErr}, []any{own, ownErr}, "an own id is another matter")
			require.Nil(t, ownErr)
		})
	}
}

func foreignID(x *matrixWorld, kind string) string {
	switch kind {
	case "MemberID":
		return string(x.bolt.member("petra").ID)
	case "StackID":
		return string(x.boltStack)
	case "RoleID":
		return string(x.boltRole)
	}
	return string(x.bolt.user("bob").ID)
}

func ownID(x *matrixWorld, kind string) string {
	switch kind {
	case "MemberID":
		return string(x.acme.member("mark").ID)
	case "StackID":
		return string(x.stacks["mia"])
	case "RoleID":
		return string(x.role)
	}
	return string(x.acme.user("adam").ID)
}

// TestS157_OneForeignAmongOwn: one id of another organization in a bulk is unknown, and the others
// go on.
func TestS157_OneForeignAmongOwn(t *testing.T) {
	t.Parallel()
	x := newMatrixWorld(t, false)
	before := x.dump()
	rep, err := x.Svc.Admin(x.actor("admin"), x.acme.org.ID).Apply(world.Ctx(), orgusers.ForcePasswordReset{},
		x.acme.member("mark").ID, x.bolt.member("petra").ID, x.acme.member("mia").ID)
	require.NoError(t, err)
	require.Equal(t, []string{"mark: applied", "?: refused not_found R6.12", "mia: applied"}, outcomes(&rep))
	after := x.dump()
	require.Equal(t, before.of(t, x.bolt.org.ID), after.of(t, x.bolt.org.ID))
	for _, e := range after.entriesSince(before) {
		require.NotEqual(t, x.bolt.member("petra").ID, e.Member, "the trail holds ids of rows acted on, never of input (S-208)")
	}
	x.Dispatch()
	require.Empty(t, slices.DeleteFunc(x.Inbox.To("petra@acme.example"), func(m orgusers.Mail) bool { return m.Kind == orgusers.MailInvitation }))
}

// TestS024_RequestIDsSayNothingToStrangers: an id under which Acme answered a request gives a
// stranger no other answer than a fresh one, and cannot be told from one by the error.
func TestS024_RequestIDsSayNothingToStrangers(t *testing.T) {
	t.Parallel()
	ctx := world.Ctx()
	x := newMatrixWorld(t, false)
	admin := x.actor("admin")
	admin.Request = "used-before"
	_, err := x.Svc.Admin(admin, x.acme.org.ID).Apply(ctx, orgusers.Rename{Name: orgusers.Name{First: "New"}}, x.acme.member("mark").ID)
	require.NoError(t, err)
	bob := x.actor("foreign")
	bob.Request = admin.Request
	_, fresh := x.Svc.Admin(bob, officeID[orgusers.OrgID]("none")).Apply(ctx, orgusers.Remove{}, x.acme.member("mark").ID)
	_, used := x.Svc.Admin(bob, x.acme.org.ID).Apply(ctx, orgusers.Remove{}, x.acme.member("mark").ID)
	require.ErrorIs(t, used, orgusers.ErrNotFound)
	require.Equal(t, fresh, used)
}
