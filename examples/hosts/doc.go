// Package hosts holds programs that run something already, and how orgusers joins it: a PostgreSQL pool
// of pgx and the host's own transactions (pgxhost), a job queue in the same database (riverqueue), a
// message broker (jetstream). Its own module, so that nobody else downloads a broker.
package hosts
