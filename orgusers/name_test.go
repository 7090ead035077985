package orgusers_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orgusers/go-orgusers/orgusers"
)

func TestName_String(t *testing.T) {
	t.Parallel()
	require.Equal(t, "Jane Doe", orgusers.Name{First: "Jane", Last: "Doe"}.String())
	require.Equal(t, "Jane", orgusers.Name{First: "Jane"}.String())
	require.Equal(t, "Doe", orgusers.Name{Last: "Doe"}.String())
	require.Empty(t, orgusers.Name{}.String())
}

func TestName_SortKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name orgusers.Name
		want string
	}{
		{orgusers.Name{First: "Jane", Last: "Doe"}, "jane doe"},
		{orgusers.Name{First: "JANE", Last: "DOE"}, "jane doe"},
		{orgusers.Name{First: " Anna  Maria", Last: "van\u00a0Dyk "}, "anna maria van dyk"},
		{orgusers.Name{First: "Jose\u0301"}, "josé"},
		{orgusers.Name{First: "JOSÉ"}, "josé"},
		{orgusers.Name{Last: "Ångström"}, "ångström"},
		{orgusers.Name{Last: "\u212bngstro\u0308m"}, "ångström"},
		{orgusers.Name{First: "山田", Last: "太郎"}, "山田 太郎"},
		{orgusers.Name{}, ""},
	} {
		require.Equal(t, c.want, c.name.SortKey(), "%+q", c.name)
		require.Equal(t, c.want, orgusers.Name{First: c.name.SortKey()}.SortKey(), "folding twice")
	}
	require.NotEqual(t, orgusers.Name{First: "jose"}.SortKey(), orgusers.Name{First: "josé"}.SortKey())
}

func TestName_SortKeyOrdersWithoutCase(t *testing.T) {
	t.Parallel()
	names := []orgusers.Name{{First: "bob"}, {First: "Zoe"}, {First: "anna", Last: "B"}, {First: "Anna", Last: "a"}, {First: "Émile"}}
	slices.SortFunc(names, func(a, b orgusers.Name) int { return strings.Compare(a.SortKey(), b.SortKey()) })
	require.Equal(t, []orgusers.Name{{First: "Anna", Last: "a"}, {First: "anna", Last: "B"}, {First: "bob"}, {First: "Zoe"}, {First: "Émile"}}, names)
}
