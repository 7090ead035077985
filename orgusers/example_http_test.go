package orgusers_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/orgusers/go-orgusers/orgusers"
)

// counting is a response of which is known whether it has begun.
type counting struct {
	http.ResponseWriter
	n int
}

func (c *counting) Write(p []byte) (int, error) {
	c.n += len(p)
	return c.ResponseWriter.Write(p)
}

// download answers with everybody as a file.
func download(admin orgusers.Admin) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out := &counting{ResponseWriter: w}
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="people.csv"`)
		err := admin.ExportCSV(r.Context(), out, orgusers.ExportOptions{BOM: true})
		switch {
		case err == nil:
		case out.n > 0:
			panic(http.ErrAbortHandler) // or half a file would look whole
		default:
			w.Header().Del("Content-Disposition")
			status := http.StatusInternalServerError
			if errors.Is(err, orgusers.ErrDenied) {
				status = http.StatusForbidden
			}
			http.Error(w, err.Error(), status)
		}
	}
}

// Over HTTP.
func ExampleAdmin_ExportCSV_http() {
	svc, links, org, admin := example()
	join(svc, links, admin, "mia@acme.example")
	page, err := admin.Members(get().Context(), orgusers.List{MemberFilter: orgusers.MemberFilter{Search: "mia"}})
	if err != nil {
		fmt.Println(err)
	}
	for _, door := range []orgusers.Admin{admin, svc.Admin(signedIn(page.Members[0].User), org)} {
		w := httptest.NewRecorder()
		download(door)(w, get())
		fmt.Println(w.Code, w.Header().Get("Content-Type"))
	}
	// Output:
	// 200 text/csv; charset=utf-8
	// 403 text/plain; charset=utf-8
}

func get() *http.Request { return httptest.NewRequest(http.MethodGet, "/users.csv", nil) }
