-- The whole schema. Types are written as placeholders, because the databases name them differently:
--   {id}    an identifier or an enum, compared byte by byte, up to 64 bytes
--   {key}   a text that is compared or sorted by, byte by byte, up to 1,024 bytes
--   {text}  a text that is only stored
--   {int}   64 bits; times are microseconds since 1970 in UTC, the zero time included, which is
--           -62135596800000000 and means never
--   {bool}  0 or 1
--   {table} what follows the closing bracket
-- Nothing is ever NULL. There are no foreign keys: every row is written under the guard of its
-- organization or account, and a sharded engine may keep them apart.
-- A statement ends with a semicolon at the end of its line.

CREATE TABLE IF NOT EXISTS orgusers_organizations (
  id             {id}   NOT NULL,
  name           {text} NOT NULL,
  disabled       {bool} NOT NULL,
  owner_id       {id}   NOT NULL,
  settings       {text} NOT NULL,
  plan           {text} NOT NULL,
  transfer       {text} NOT NULL,
  tally_members  {int}  NOT NULL,
  tally_pending  {int}  NOT NULL,
  tally_admins   {int}  NOT NULL,
  tally_stacks   {int}  NOT NULL,
  audit_seq      {int}  NOT NULL,
  audit_head     {text} NOT NULL,
  left_at        {int}  NOT NULL,
  created_at     {int}  NOT NULL,
  version        {int}  NOT NULL,
  PRIMARY KEY (id)
) {table};

CREATE TABLE IF NOT EXISTS orgusers_users (
  id                  {id}   NOT NULL,
  address             {text} NOT NULL,
  address_key         {key}  NOT NULL,
  first_name          {text} NOT NULL,
  last_name           {text} NOT NULL,
  verified            {bool} NOT NULL,
  password            {text} NOT NULL,
  reset_required      {bool} NOT NULL,
  reset_link          {text} NOT NULL,
  reset_expires       {int}  NOT NULL,
  mfa_secret          {text} NOT NULL,
  mfa_enrolled_at     {int}  NOT NULL,
  mfa_last_step       {int}  NOT NULL,
  mfa_recovery        {text} NOT NULL,
  mfa_reset_link      {text} NOT NULL,
  mfa_reset_expires   {int}  NOT NULL,
  sessions_valid_from {int}  NOT NULL,
  last_login          {int}  NOT NULL,
  locked_until        {int}  NOT NULL,
  orgs                {int}  NOT NULL,
  created_at          {int}  NOT NULL,
  version             {int}  NOT NULL,
  PRIMARY KEY (id)
) {table};

CREATE UNIQUE INDEX {if_missing} orgusers_users_address ON orgusers_users (address_key);

-- revision rises with every update, so that the number of changed rows is the number of found rows
-- on databases that do not count a row whose values stay the same.
CREATE TABLE IF NOT EXISTS orgusers_members (
  org_id           {id}   NOT NULL,
  id               {id}   NOT NULL,
  user_id          {id}   NOT NULL,
  address          {text} NOT NULL,
  address_key      {key}  NOT NULL,
  role             {id}   NOT NULL,
  status           {id}   NOT NULL,
  without_sso      {bool} NOT NULL,
  invited_by       {id}   NOT NULL,
  invited_by_email {text} NOT NULL,
  invited_at       {int}  NOT NULL,
  message          {text} NOT NULL,
  link             {text} NOT NULL,
  expires_at       {int}  NOT NULL,
  sent_at          {int}  NOT NULL,
  sends            {int}  NOT NULL,
  joined_at        {int}  NOT NULL,
  first_name       {text} NOT NULL,
  last_name        {text} NOT NULL,
  name_key         {key}  NOT NULL,
  mfa              {bool} NOT NULL,
  last_login       {int}  NOT NULL,
  valid_from       {int}  NOT NULL,
  revision         {int}  NOT NULL,
  PRIMARY KEY (org_id, id)
) {table};

CREATE UNIQUE INDEX {if_missing} orgusers_members_address ON orgusers_members (org_id, address_key);
CREATE INDEX {if_missing} orgusers_members_name ON orgusers_members (org_id, name_key, id);
CREATE INDEX {if_missing} orgusers_members_invited ON orgusers_members (org_id, invited_at, id);
CREATE INDEX {if_missing} orgusers_members_login ON orgusers_members (org_id, last_login, id);
CREATE INDEX {if_missing} orgusers_members_role ON orgusers_members (org_id, role, address_key);
CREATE INDEX {if_missing} orgusers_members_user ON orgusers_members (user_id, org_id);

CREATE TABLE IF NOT EXISTS orgusers_stacks (
  org_id     {id}   NOT NULL,
  id         {id}   NOT NULL,
  name       {key}  NOT NULL,
  owner_id   {id}   NOT NULL,
  created_at {int}  NOT NULL,
  revision   {int}  NOT NULL,
  PRIMARY KEY (org_id, id)
) {table};

CREATE UNIQUE INDEX {if_missing} orgusers_stacks_name ON orgusers_stacks (org_id, name);
CREATE INDEX {if_missing} orgusers_stacks_owner ON orgusers_stacks (org_id, owner_id);

CREATE TABLE IF NOT EXISTS orgusers_stack_roles (
  org_id      {id}   NOT NULL,
  id          {id}   NOT NULL,
  name        {key}  NOT NULL,
  description {text} NOT NULL,
  permissions {text} NOT NULL,
  revision    {int}  NOT NULL,
  PRIMARY KEY (org_id, id)
) {table};

CREATE UNIQUE INDEX {if_missing} orgusers_stack_roles_name ON orgusers_stack_roles (org_id, name);

CREATE TABLE IF NOT EXISTS orgusers_grants (
  org_id    {id} NOT NULL,
  member_id {id} NOT NULL,
  stack_id  {id} NOT NULL,
  role_id   {id} NOT NULL,
  PRIMARY KEY (org_id, member_id, stack_id, role_id)
) {table};

CREATE INDEX {if_missing} orgusers_grants_stack ON orgusers_grants (org_id, stack_id, role_id, member_id);

CREATE TABLE IF NOT EXISTS orgusers_audit (
  org_id       {id}   NOT NULL,
  seq          {int}  NOT NULL,
  id           {id}   NOT NULL,
  chained      {bool} NOT NULL,
  made_at      {int}  NOT NULL,
  operation_id {text} NOT NULL,
  action       {id}   NOT NULL,
  result       {text} NOT NULL,
  reason       {text} NOT NULL,
  actor_id     {id}   NOT NULL,
  actor_email  {text} NOT NULL,
  actor_role   {text} NOT NULL,
  session_name {text} NOT NULL,
  ip           {text} NOT NULL,
  agent        {text} NOT NULL,
  request_id   {text} NOT NULL,
  member_id    {id}   NOT NULL,
  user_id      {text} NOT NULL,
  email        {text} NOT NULL,
  subject      {text} NOT NULL,
  was          {text} NOT NULL,
  became       {text} NOT NULL,
  seal         {text} NOT NULL,
  PRIMARY KEY (org_id, seq, id)
) {table};

CREATE TABLE IF NOT EXISTS orgusers_outbox (
  id           {id}   NOT NULL,
  org_id       {id}   NOT NULL,
  operation_id {text} NOT NULL,
  kind         {text} NOT NULL,
  member_id    {text} NOT NULL,
  user_id      {text} NOT NULL,
  mail         {text} NOT NULL,
  ends_before  {int}  NOT NULL,
  created_at   {int}  NOT NULL,
  due_at       {int}  NOT NULL,
  attempts     {int}  NOT NULL,
  lease_until  {int}  NOT NULL,
  lease        {id}   NOT NULL,
  last_error   {text} NOT NULL,
  dead         {bool} NOT NULL,
  PRIMARY KEY (id)
) {table};

CREATE INDEX {if_missing} orgusers_outbox_due ON orgusers_outbox (dead, due_at, id);

CREATE TABLE IF NOT EXISTS orgusers_requests (
  org_id  {id}   NOT NULL,
  id      {key}  NOT NULL,
  digest  {text} NOT NULL,
  report  {text} NOT NULL,
  made_at {int}  NOT NULL,
  PRIMARY KEY (org_id, id)
) {table};

CREATE INDEX {if_missing} orgusers_requests_made ON orgusers_requests (made_at);

CREATE TABLE IF NOT EXISTS orgusers_counters (
  name       {key} NOT NULL,
  total      {int} NOT NULL,
  expires_at {int} NOT NULL,
  PRIMARY KEY (name)
) {table};

CREATE INDEX {if_missing} orgusers_counters_expiry ON orgusers_counters (expires_at);
