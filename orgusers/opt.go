package orgusers

// Opt is a field of a patch: unset means "leave as it is". Patches made of comparable fields are
// comparable themselves, so a store can group equal ones into one statement.
type Opt[T comparable] struct {
	Set   bool
	Value T
}

// Some is a set [Opt].
func Some[T comparable](v T) Opt[T] { return Opt[T]{Set: true, Value: v} }

// diff is set if the value changed.
func diff[T comparable](before, after T) Opt[T] {
	if before == after {
		return Opt[T]{}
	}
	return Some(after)
}

// apply writes a set value to its field.
func (o Opt[T]) apply(field *T) {
	if o.Set {
		*field = o.Value
	}
}
