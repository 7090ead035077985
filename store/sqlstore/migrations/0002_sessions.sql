-- Sessions, sign-in and IP rules. What is added to a table that has rows has a default for them.

ALTER TABLE orgusers_users ADD COLUMN failures {int} NOT NULL DEFAULT 0;

ALTER TABLE orgusers_members ADD COLUMN subject {key} NOT NULL DEFAULT '';
CREATE INDEX {if_missing} orgusers_members_subject ON orgusers_members (org_id, subject);

CREATE TABLE IF NOT EXISTS orgusers_sessions (
  id         {id}   NOT NULL,
  user_id    {id}   NOT NULL,
  token      {id}   NOT NULL,
  step       {id}   NOT NULL,
  sso_org    {id}   NOT NULL,
  ip         {text} NOT NULL,
  agent      {text} NOT NULL,
  created_at {int}  NOT NULL,
  seen_at    {int}  NOT NULL,
  expires_at {int}  NOT NULL,
  idle       {int}  NOT NULL,
  mfa_at     {int}  NOT NULL,
  proved_at  {int}  NOT NULL,
  PRIMARY KEY (id)
) {table};

CREATE UNIQUE INDEX {if_missing} orgusers_sessions_token ON orgusers_sessions (token);
CREATE INDEX {if_missing} orgusers_sessions_user ON orgusers_sessions (user_id);
CREATE INDEX {if_missing} orgusers_sessions_expiry ON orgusers_sessions (expires_at);

CREATE TABLE IF NOT EXISTS orgusers_ip_rules (
  id         {id}  NOT NULL,
  org_id     {id}  NOT NULL,
  user_id    {id}  NOT NULL,
  session_id {id}  NOT NULL,
  ip         {key} NOT NULL,
  resource   {key} NOT NULL,
  opened_at  {int} NOT NULL,
  expires_at {int} NOT NULL,
  PRIMARY KEY (id)
) {table};

CREATE INDEX {if_missing} orgusers_ip_rules_user ON orgusers_ip_rules (user_id, id);
CREATE INDEX {if_missing} orgusers_ip_rules_org ON orgusers_ip_rules (org_id, id);
CREATE INDEX {if_missing} orgusers_ip_rules_place ON orgusers_ip_rules (org_id, ip, resource, id);
CREATE INDEX {if_missing} orgusers_ip_rules_expiry ON orgusers_ip_rules (expires_at);
