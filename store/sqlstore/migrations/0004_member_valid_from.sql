-- Up to when sessions are no good in one organization (S-069). The number is the zero time: nobody has been cut off.

ALTER TABLE orgusers_members ADD COLUMN valid_from {int} NOT NULL DEFAULT -62135596800000000;
