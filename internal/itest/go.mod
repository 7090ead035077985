module github.com/orgusers/go-orgusers/internal/itest

go 1.26.0

replace github.com/orgusers/go-orgusers => ../../
