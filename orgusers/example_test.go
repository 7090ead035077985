package orgusers_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/url"
	"strings"
	"time"

	"github.com/orgusers/go-orgusers/orgusers"
	"github.com/orgusers/go-orgusers/store/memstore"
)

// outbox stands for the host's mailer. It remembers the last link mailed to each address.
type outbox map[string]string

func (o outbox) Send(_ context.Context, m orgusers.Mail) error {
	u, err := url.Parse(m.Link)
	if err != nil {
		return err
	}
	o[m.To] = u.Query().Get("token")
	return nil
}

const passphrase = "a long sentence nobody guesses"

// example is a host with one organization: its owner Olivia, who has set her password.
func example() (svc *orgusers.Service, links outbox, org orgusers.OrgID, admin orgusers.Admin) {
	ctx := context.Background()
	links = outbox{}
	svc, err := orgusers.New(orgusers.Config{
		Store:  memstore.New(),
		Mailer: links,
		Keys:   []orgusers.Key{orgusers.Key("an example; take 32 random bytes")},
		Links:  orgusers.Links{Base: "https://app.example.com/users"},
	})
	if err != nil {
		log.Fatal(err)
	}
	support := svc.Operator(orgusers.Actor{User: "support"})
	org, err = support.CreateOrganization(ctx, orgusers.NewOrganization{
		Name: "Acme", Owner: "olivia@acme.example", OwnerName: orgusers.Name{First: "Olivia", Last: "Owner"},
	})
	if err != nil {
		log.Fatal(err)
	}
	deliver(svc)
	visitor := svc.Visitor(orgusers.Actor{})
	if _, err := visitor.ResetPassword(ctx, links["olivia@acme.example"], passphrase); err != nil {
		log.Fatal(err)
	}
	record, err := support.Organization(ctx, org)
	if err != nil {
		log.Fatal(err)
	}
	deliver(svc)
	return svc, links, org, svc.Admin(signedIn(record.OwnerID), org)
}

// signedIn stands for the host's own sign-in.
func signedIn(user orgusers.UserID) orgusers.Actor {
	return orgusers.Actor{User: user, SignedInAt: time.Now().Add(time.Millisecond)}
}

func deliver(svc *orgusers.Service) {
	if _, err := svc.Dispatch(context.Background(), 100); err != nil {
		log.Fatal(err)
	}
}

// join invites people and accepts for them.
func join(svc *orgusers.Service, links outbox, admin orgusers.Admin, emails ...string) []orgusers.MemberID {
	ctx := context.Background()
	if _, err := admin.Invite(ctx, orgusers.Invitation{To: strings.Join(emails, ",")}); err != nil {
		log.Fatal(err)
	}
	deliver(svc)
	var ids []orgusers.MemberID
	for _, email := range emails {
		joined, err := svc.Visitor(orgusers.Actor{}).AcceptInvitation(ctx, links[email], orgusers.NewAccount{
			Name: orgusers.Name{First: strings.Split(email, "@")[0]}, Password: passphrase,
		})
		if err != nil {
			log.Fatal(err)
		}
		ids = append(ids, joined.Member)
	}
	return ids
}

func ExampleAdmin_Invite() {
	_, _, _, admin := example()
	report, err := admin.Invite(context.Background(), orgusers.Invitation{
		To: `Jane Doe <jane@acme.example>; "Smith, John" <john@acme.example>
mailto:kim@acme.example, jane@ACME.example
pat@acme,example`,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range report.Outcomes {
		fmt.Printf("%d %s: %s%s %s.\n", o.Line, o.Result, o.Email, o.Input, o.Detail)
	}
	// Output:
	// 1 applied: jane@acme.example .
	// 1 applied: john@acme.example .
	// 2 applied: kim@acme.example .
	// 2 skipped: jane@ACME.example is on line 1 already.
	// 3 refused: pat@acme has a domain without a dot.
	// 3 refused: example is not an e-mail address.
}

func ExampleVisitor_AcceptInvitation() {
	svc, links, org, admin := example()
	ctx := context.Background()
	if _, err := admin.Invite(ctx, orgusers.Invitation{To: "jane@acme.example"}); err != nil {
		log.Fatal(err)
	}
	deliver(svc)

	visitor := svc.Visitor(orgusers.Actor{})
	info, err := visitor.InspectInvitation(ctx, links["jane@acme.example"]) // GET: changes nothing
	fmt.Println(info.OrgName, info.InvitedBy, info.NeedsPassword, err)
	joined, err := visitor.AcceptInvitation(ctx, links["jane@acme.example"], orgusers.NewAccount{ // POST
		Name: orgusers.Name{First: "Jane", Last: "Doe"}, Password: passphrase,
	})
	fmt.Println(joined.Org == org, joined.NewAccount, err)
	_, err = visitor.AcceptInvitation(ctx, links["jane@acme.example"], orgusers.NewAccount{})
	fmt.Println(errors.Is(err, orgusers.ErrExpired), err)
	// Output:
	// Acme olivia@acme.example true <nil>
	// true true <nil>
	// true orgusers: Visitor.AcceptInvitation: link no longer valid (link_replaced)
}

func ExampleAdmin_Apply() {
	svc, links, _, admin := example()
	people := join(svc, links, admin, "jane@acme.example", "kim@acme.example")
	report, err := admin.Apply(context.Background(), orgusers.Deactivate{}, append(people, "somebody else")...)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(&report)
	for _, o := range report.Outcomes {
		fmt.Printf("%s: %q %s.\n", o.Result, o.Email, o.Reason)
	}
	// Output:
	// member.deactivate: 2 applied, 0 skipped, 1 refused
	// applied: "jane@acme.example" .
	// applied: "kim@acme.example" .
	// refused: "" not_found.
}

func ExampleAdmin_Do() {
	svc, links, _, admin := example()
	jane := join(svc, links, admin, "jane@acme.example")[0]
	ctx := context.Background()
	fmt.Println(admin.Do(ctx, orgusers.SetRole{Role: orgusers.RoleAdmin}, jane))
	err := admin.Do(ctx, orgusers.ResetMFA{}, jane)
	var e *orgusers.Error
	if errors.As(err, &e) {
		fmt.Println(e.Reason, "-", e.Reason.Text())
	}
	// Output:
	// <nil>
	// mfa_not_enabled - has no multi-factor authentication to reset
}

func ExampleAdmin_Permit() {
	_, _, _, admin := example()
	ctx := context.Background()
	owner, err := admin.MemberByEmail(ctx, "olivia@acme.example")
	if err != nil {
		log.Fatal(err)
	}
	d, err := admin.Permit(ctx, orgusers.EndSessions{}, owner.ID)
	fmt.Println(d.Allowed, d.Reason, d.Rule, err)
	// Output: false self R6.5 <nil>
}

func ExampleAdmin_Allowed() {
	svc, links, _, admin := example()
	jane := join(svc, links, admin, "jane@acme.example")[0]
	menu, err := admin.Allowed(context.Background(), jane)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(menu[jane][orgusers.ActionRemove].Allowed)
	fmt.Println(menu[jane][orgusers.ActionUnlock].Allowed, menu[jane][orgusers.ActionUnlock].Reason)
	// Output:
	// true
	// false not_locked
}

func ExampleAdmin_Members() {
	svc, links, _, admin := example()
	join(svc, links, admin, "jane@acme.example", "kim@acme.example")
	page, err := admin.Members(context.Background(), orgusers.List{Sort: orgusers.SortEmail, Limit: 2})
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range page.Members {
		fmt.Println(m.Address, m.Role, m.Status)
	}
	fmt.Println(page.Next != "", page.Tally.Members)
	// Output:
	// jane@acme.example member active
	// kim@acme.example member active
	// true 3
}

func ExampleAdmin_All() {
	svc, links, _, admin := example()
	join(svc, links, admin, "jane@acme.example", "kim@acme.example")
	for m, err := range admin.All(context.Background(), orgusers.List{MemberFilter: orgusers.MemberFilter{NeverLoggedIn: true}}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.Address)
	}
	// Output:
	// jane@acme.example
	// kim@acme.example
	// olivia@acme.example
}

func ExampleAdmin_OfferOwnership() {
	svc, links, _, admin := example()
	join(svc, links, admin, "jane@acme.example")
	ctx := context.Background()
	if err := admin.OfferOwnership(ctx, "jane@acme.example"); err != nil {
		log.Fatal(err)
	}
	deliver(svc)
	fmt.Println(svc.Visitor(orgusers.Actor{}).AcceptOwnership(ctx, links["jane@acme.example"]))
	fmt.Println(admin.CancelOwnership(ctx)) // Olivia is a Member now
	// Output:
	// <nil>
	// orgusers: Admin.CancelOwnership: denied (not_owner)
}

func ExampleAdmin_ExportCSV() {
	_, _, _, admin := example()
	if _, err := admin.Invite(context.Background(), orgusers.Invitation{To: "O'Neil <=1+1@acme.example>, o.neil@acme.example"}); err != nil {
		log.Fatal(err)
	}
	var b strings.Builder
	if err := admin.ExportCSV(context.Background(), &b, orgusers.ExportOptions{}); err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		cells := strings.Split(line, ",")
		fmt.Println(cells[0], cells[3], cells[4])
	}
	// Output:
	// "Email" "Organization Role" "Status"
	// "'=1+1@acme.example" "Member" "pending"
	// "o.neil@acme.example" "Member" "pending"
	// "olivia@acme.example" "Owner" "active"
}

func ExampleAdmin_Verify() {
	_, _, _, admin := example()
	v, err := admin.Verify(context.Background())
	fmt.Println(v.OK(), v.Entries, err)
	// Output: true 2 <nil>
}

func ExampleService_Access() {
	svc, links, org, admin := example()
	ctx := context.Background()
	stack, err := admin.CreateStack(ctx, "Website")
	if err != nil {
		log.Fatal(err)
	}
	jane := join(svc, links, admin, "jane@acme.example")[0]
	if err := admin.Do(ctx, orgusers.SetStacks{Stacks: []orgusers.StackAccess{{Stack: stack, Roles: []orgusers.RoleID{orgusers.RoleContentManager}}}}, jane); err != nil {
		log.Fatal(err)
	}
	m, err := admin.Member(ctx, jane)
	if err != nil {
		log.Fatal(err)
	}
	actor := signedIn(m.User)

	access, err := svc.Access(ctx, actor, org) // in the host's middleware, once per request
	fmt.Println(access.Can(stack, orgusers.PermissionPublish), access.Can(stack, orgusers.PermissionSchema), access.Administers(), err)

	if err := admin.Do(ctx, orgusers.Remove{}, jane); err != nil {
		log.Fatal(err)
	}
	_, err = svc.Access(ctx, actor, org)
	fmt.Println(err)
	// Output:
	// true false false <nil>
	// orgusers: Access: not found
}

func ExampleOperator_SetPlan() {
	svc, _, org, admin := example()
	ctx := context.Background()
	plan := orgusers.Plan{Name: "Starter", Limits: []orgusers.Limit{{Resource: orgusers.ResourceUsers, Max: 2}}}
	if err := svc.Operator(orgusers.Actor{User: "support"}).SetPlan(ctx, org, plan); err != nil {
		log.Fatal(err)
	}
	_, err := admin.Invite(ctx, orgusers.Invitation{To: "jane@acme.example, kim@acme.example"})
	fmt.Println(errors.Is(err, orgusers.ErrSeats), err)
	// Output: true orgusers: Admin.Invite: no seat left in the plan: users: 1 in use, 2 more asked, 2 allowed
}

func ExampleService_Dispatch() {
	svc, _, _, admin := example()
	ctx := context.Background()
	if _, err := admin.Invite(ctx, orgusers.Invitation{To: "jane@acme.example"}); err != nil {
		log.Fatal(err)
	}
	n, err := svc.Dispatch(ctx, 100) // or let svc.Run do it
	fmt.Println(n, err)
	// Output: 1 <nil>
}

func ExampleParseAddressList() {
	list, err := orgusers.ParseAddressList("Doe, Jane <jane@x.example>; jane@x.example\nno address", 0)
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range list {
		fmt.Printf("%d: %q %q %s.\n", r.Line, r.Address, r.Name, r.Reason)
	}
	// Output:
	// 1: "jane@x.example" "Jane Doe" .
	// 1: "jane@x.example" "" duplicate.
	// 2: "" "" syntax.
}
