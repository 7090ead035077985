module github.com/orgusers/go-orgusers/examples

go 1.26.0

replace github.com/orgusers/go-orgusers => ../
