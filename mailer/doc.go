// Package mailer writes the mails of package orgusers: subject, plain text and HTML for each
// [orgusers.MailKind], in English and German, in words a host can replace.
//
// Most callers make one [Texts] at start and hand it to a mailer that delivers, such as
// mailer/filemailer in development:
//
//	texts, err := mailer.NewTexts(mailer.Config{Product: "Acme CMS", Support: "help@acme.example"})
//
// A host with its own way to send mail implements [orgusers.Mailer], calls [Texts.Render] in Send,
// and passes the parts of the [Message] to its provider, or the bytes of [Message.EML] to a server
// that takes a finished mail. [Message.ID] is the key under which a provider recognises a mail that
// comes a second time.
//
// # Own words
//
// [Config.Override] holds files that replace or add to the shipped ones:
//
//	layout.html.tmpl          the page around every HTML part: colours, logo; it holds no words
//	de/common.txt.tmpl        pieces shared by the texts of a language: greeting, expiry, footer
//	de/common.html.tmpl       the same for HTML
//	de/invitation.txt.tmpl    one mail; the subject is its {{define "subject"}} block
//	de/invitation.html.tmpl   its HTML, the part inside the layout; the words on the button are its
//	                          {{define "label"}} block, what stands below the link is "note"
//
// Files are named by kind; they are text/template and html/template, executed with a [Data]. A
// language may cover some kinds only. A mail in "de-AT" looks for de-at, then de, then en, and both
// its parts come from the first that has the kind, so languages never mix. The common file of a
// language may stand in its base language too. [NewTexts] parses and tries every file, so a broken
// template stops the host at start and not a mail in the night.
//
// # What names can do
//
// Names and messages are written by users, and a stranger may make an organization only to have us
// mail its name to others. They reach a template as data, never as template text (S-198), and
// html/template escapes them (S-196). Before that, controls, line breaks, bidi overrides and other
// invisible characters are removed (S-195), and what mail programs would turn into a link is taken
// apart: in "https://evil.com" the colon and the dot become look-alikes (U+2236, U+2024) that are no
// part of an address. The reader still sees the name as it was written. The inviter's
// message is quoted line by line, so that it cannot pass for our own words.
package mailer
