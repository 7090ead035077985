-- What a stack role is for (R3.5). In brackets, because MySQL gives a long text no other default.

ALTER TABLE orgusers_stack_roles ADD COLUMN description {text} NOT NULL DEFAULT ('');
