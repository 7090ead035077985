package sqlstore

import "strings"

// The kinds of rows that one statement may return side by side.
const (
	kindOrganization = iota
	kindRequest
	kindMember // with the account, if that is asked for
	kindUser
	kindMembership
	kindSession
	kindCounter
	kindAccess
	kindOwned
)

// layout is how rows of several kinds are laid out alike, so that they are branches of one UNION ALL and
// all of one moment: the kind, then so many texts, then so many numbers. A kind that has fewer leaves the
// last ones empty.
type layout struct{ texts, numbers int }

// lay begins a branch. dest, which takes the columns of this kind, tells which are texts and which numbers.
func (l layout) lay(kind int, columns []string, dest []any) string {
	var texts, numbers []string
	for i, column := range columns {
		if _, text := dest[i].(*string); text {
			texts = append(texts, column)
		} else {
			numbers = append(numbers, column)
		}
	}
	for len(texts) < l.texts {
		texts = append(texts, `''`)
	}
	for len(numbers) < l.numbers {
		numbers = append(numbers, `0`)
	}
	return `SELECT ` + itoa(kind) + `, ` + strings.Join(append(texts, numbers...), `, `)
}

// split are the columns of a list, none of which has a comma in it.
func split(columns string) []string {
	list := strings.Split(columns, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// ifAny are the columns of a LEFT JOIN that may have found nothing.
func ifAny(columns []string, dest []any) []string {
	out := make([]string, len(columns))
	for i, column := range columns {
		nothing := `0`
		if _, text := dest[i].(*string); text {
			nothing = `''`
		}
		out[i] = `COALESCE(` + column + `, ` + nothing + `)`
	}
	return out
}

// laidRow takes a row of any kind.
type laidRow struct {
	kind    int64
	texts   []string
	numbers []int64
}

func (l layout) row() *laidRow {
	return &laidRow{texts: make([]string, l.texts), numbers: make([]int64, l.numbers)}
}

func (r *laidRow) dest() []any {
	dest := append(make([]any, 0, 1+len(r.texts)+len(r.numbers)), &r.kind)
	for i := range r.texts {
		dest = append(dest, &r.texts[i])
	}
	for i := range r.numbers {
		dest = append(dest, &r.numbers[i])
	}
	return dest
}

// fill undoes lay: it gives what was read to those who take the columns of its kind.
func (r *laidRow) fill(dest []any) {
	texts, numbers := r.texts, r.numbers
	for _, d := range dest {
		switch d := d.(type) {
		case *string:
			*d, texts = texts[0], texts[1:]
		case *int64:
			*d, numbers = numbers[0], numbers[1:]
		}
	}
}
