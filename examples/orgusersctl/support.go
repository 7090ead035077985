package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/orgusers/go-orgusers/orgusers"
)

// door returns the support's door. The mails that follow from what is done there are the host's to
// send: its worker finds them in the outbox.
func door(c *call, keys []orgusers.Key, by string) (orgusers.Operator, error) {
	svc, err := orgusers.New(orgusers.Config{
		Store: c.store, Mailer: hostsMailer{}, Keys: keys, Links: orgusers.Links{Base: "https://nowhere.invalid"},
	})
	if err != nil {
		return orgusers.Operator{}, err
	}
	return svc.Operator(orgusers.Actor{User: orgusers.UserID(by), Agent: "orgusersctl"}), nil
}

type hostsMailer struct{}

func (hostsMailer) Send(context.Context, orgusers.Mail) error {
	return errors.New("orgusersctl sends no mail")
}

// readKeys reads the host's keys. There is no flag for them: a command line is no place for a secret.
func readKeys(env func(string) string) ([]orgusers.Key, error) {
	text, source := env("ORGUSERS_KEYS"), "ORGUSERS_KEYS"
	if file := env("ORGUSERS_KEYS_FILE"); text == "" && file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("ORGUSERS_KEYS_FILE: %w", err)
		}
		text, source = string(data), file
	}
	var keys []orgusers.Key
	for i, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' || r == ' ' || r == '\t' }) {
		key, err := base64.StdEncoding.DecodeString(word)
		if err != nil {
			return nil, usageError(fmt.Sprintf("%s: key %d is not base64", source, i+1)) // the error would quote it
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, usageError("the host's keys are needed: set ORGUSERS_KEYS or ORGUSERS_KEYS_FILE")
	}
	return keys, nil
}
