// Package smtpmailer delivers the mails of package orgusers to an SMTP server: the relay of a mail
// provider or a server of one's own.
//
//	texts, err := mailer.NewTexts(mailer.Config{Product: "Acme CMS"})
//	…
//	mails, err := smtpmailer.New(smtpmailer.Config{
//		Host: "smtp.provider.example", Username: "acme", Password: smtpmailer.Secret(os.Getenv("SMTP_PASSWORD")),
//		From: "Acme CMS <no-reply@acme.example>", Texts: texts,
//	})
//
// The [Mailer] goes into [orgusers.Config]. A mail holds a link that opens an account, so the
// connection is encrypted and the server's certificate checked unless the host asks for
// [UnsafePlaintext] by name; a server without STARTTLS gets no mail.
//
// # What is tried again
//
// [Mailer.Send] makes one attempt; the outbox does the rest. Its error wraps [orgusers.ErrPermanent],
// on which the mail is given up, only where the server has refused this mail: a reply from 500 to
// 599 to the recipient or to the content. Everything else is tried later:
//
//   - replies from 400 to 499, a server that is out of reach, too slow, or gone in the middle;
//   - a failed handshake, and credentials that are refused or asked for (530, 534, 535, 538);
//   - any refusal before the recipient is named, that of [Config.From] included.
//
// The last two are in the settings, which are the same for all mails: were they permanent, one
// expired password would empty the whole outbox into the dead letters.
//
// # Twice the same mail
//
// If the connection is lost after the content has gone out, nobody knows whether the server took the
// mail, and it is sent again. The second one is the same to the byte: its Message-ID is made of
// [orgusers.Mail.ID], and its Date is the time in that id, when the change was made (S-219). Only ids
// that are not UUIDs of version 7 leave the Date to the time of each attempt.
//
// # What errors say
//
// They name the step and the server's reply, made safe for a log: one line without controls, from
// which the link, the recipient's address and the credentials are taken out, should the server repeat
// them (S-094, S-207). Of replies to credentials only the codes are kept.
package smtpmailer
