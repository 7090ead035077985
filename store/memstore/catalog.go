package memstore

import (
	"fmt"

	"github.com/orgusers/go-orgusers/orgusers"
)

// catalog holds the stacks, or the custom roles, of one organization. Names are unique and compared
// byte by byte.
type catalog[ID ~string, T any] struct {
	byID    map[ID]T
	byName  map[string]ID
	labeled func(*T) (ID, string) // the id and the name
}

func newCatalog[ID ~string, T any](labeled func(*T) (ID, string)) catalog[ID, T] {
	return catalog[ID, T]{byID: make(map[ID]T), byName: make(map[string]ID), labeled: labeled}
}

// check answers ErrConflict if the changes cannot be made: an id or a name that is taken, a record
// that is not there.
func (c *catalog[ID, T]) check(added, changed []T, gone []ID) error {
	if len(added)+len(changed)+len(gone) == 0 {
		return nil
	}
	var ids set[ID]
	var names set[string]
	check := func(v *T, isNew bool) error {
		id, name := c.labeled(v)
		if _, exists := c.byID[id]; exists == isNew || !ids.add(id) {
			return fmt.Errorf("%w: %s: the id is taken, or nothing has it", orgusers.ErrConflict, id)
		}
		if holder, taken := c.byName[name]; taken && holder != id || !names.add(name) {
			return fmt.Errorf("%w: %s: the name is taken", orgusers.ErrConflict, id)
		}
		return nil
	}
	for i := range added {
		if err := check(&added[i], true); err != nil {
			return err
		}
	}
	for i := range changed {
		if err := check(&changed[i], false); err != nil {
			return err
		}
	}
	for _, id := range gone {
		if _, exists := c.byID[id]; !exists || !ids.add(id) {
			return fmt.Errorf("%w: %s is gone already", orgusers.ErrConflict, id)
		}
	}
	return nil
}

// put adds a record or replaces the one with its id.
func (c *catalog[ID, T]) put(v T) {
	id, name := c.labeled(&v)
	c.drop(id)
	c.byID[id] = v
	c.byName[name] = id
}

func (c *catalog[ID, T]) drop(id ID) {
	if old, ok := c.byID[id]; ok {
		_, name := c.labeled(&old)
		delete(c.byName, name)
		delete(c.byID, id)
	}
}
