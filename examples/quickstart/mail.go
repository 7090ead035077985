package main

import (
	"io"
	"log"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// mailFolder is where the mails lie. A person would read them in a mail program.
type mailFolder string

var linkPattern = regexp.MustCompile(`https://\S+token=\S+`)

// token reads the newest mail to an address that has a link, and returns the link's secret.
func (f mailFolder) token(to string) string {
	files, err := filepath.Glob(filepath.Join(string(f), "*.eml"))
	if err != nil {
		log.Fatal(err)
	}
	slices.Sort(files) // the names rise with time
	for _, file := range slices.Backward(files) {
		text, ok := plainText(file, to)
		if !ok {
			continue
		}
		if link := linkPattern.FindString(text); link != "" {
			u, err := url.Parse(link)
			if err != nil {
				log.Fatal(err)
			}
			return u.Query().Get("token")
		}
	}
	log.Fatal("no mail with a link for ", to)
	return ""
}

// plainText returns the text part of a mail, if it is to this address.
func plainText(file, to string) (string, bool) {
	r, err := os.Open(file)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	m, err := mail.ReadMessage(r)
	if err != nil {
		log.Fatal(file, ": ", err)
	}
	if addr, err := mail.ParseAddress(m.Header.Get("To")); err != nil || addr.Address != to {
		return "", false
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		log.Fatal(file, ": ", err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err != nil {
			return "", false
		}
		if !strings.HasPrefix(p.Header.Get("Content-Type"), "text/plain") {
			continue
		}
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			log.Fatal(file, ": ", err)
		}
		return string(b), true
	}
}
