# Everything here runs in every module of the repository: scripts/each.sh finds them by their go.mod.

FUZZTIME ?= 30s
CHECKS   ?= 5000
COUNT    ?= 5
BENCH    ?= .
SIZES    ?= 1000,10000,100000,1000000
ENGINE   ?= sqlite,postgresql,mariadb

.DEFAULT_GOAL := help
.PHONY: help test lint soak bench fuzz mysql

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 8

test: ## all that must hold before a change lands, on every database; installs what is missing (needs Go, gcc and make)
	@scripts/test.sh

lint: ## golangci-lint, staticcheck and govulncheck
	@scripts/lint.sh

soak: ## tests again and again: CHECKS runs per property, COUNT rounds of the rest
	@CHECKS=$(CHECKS) COUNT=$(COUNT) scripts/soak.sh

bench: ## each operation beside raw SQL into bench/RESULTS.md, then the benchmarks that match BENCH
	@cd bench && GOWORK=off go run . -engine $(ENGINE) -sizes $(SIZES)
	@scripts/each.sh go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 0 ./...

mysql: ## what is asked of MariaDB, asked of MySQL from Debian unstable
	@scripts/mysql.sh

fuzz: ## each fuzz target for FUZZTIME
	@FUZZTIME=$(FUZZTIME) scripts/fuzz.sh
