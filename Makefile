# Each target does all of its own set-up. `make` alone lists them.

TOOL = go tool -modfile=tools/go.mod

.PHONY: help demo test bench reliability stalls check generate build

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## rehearse the Tailspin migration in a throw-away cluster; installs PostgreSQL if there is none
	@scripts/need-postgres.sh
	bin/runbook run tailspin --sandbox

test: ## run all tests; installs PostgreSQL if there is none
	@scripts/need-postgres.sh
	go test -timeout 30m ./...

bench: ## print what a step costs, beside psql, and the other benchmarks that matter
	@scripts/need-postgres.sh
	go test -run "^$$" -bench . ./bench
	go test -run "^$$" -bench "Write|ReadAndFold|Marshal|Drain|QuerySelect1|Split|Compare" ./engine/journal ./engine/event ./engine/postgres ./engine/stats

reliability: ## kill runs, break networks and servers, and print the figures; KILLS=-every-kill takes half an hour
	@scripts/need-postgres.sh
	@go test ./cmd/runbook -timeout 60m -count 1 -v -run 'Killed|CitusPhases|NetworkFaults|TestServer|TestJournalDi' $(if $(KILLS),-args $(KILLS)) | \
		awk '/^(---|ok|FAIL)/ {print} /^FAIL/ {bad = 1} END {exit bad} /figures:/ {sub(/.*figures: /, "    "); print}'

stalls: ## measure how long an application stands still during tailspin, beside the exercise's own statements; needs Citus
	@scripts/need-postgres.sh
	@go test ./bench -timeout 90m -count 1 -v -run TestStalls -args -stalls -scale $(or $(SCALE),1)

check: ## check the format of the code and run the linters
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	@test -z "$$($(TOOL) gofumpt -l .)" || { $(TOOL) gofumpt -d .; exit 1; }
	go vet ./...
	$(TOOL) staticcheck ./...

generate: ## make the schema, the reference of the actions and the table of SQLSTATEs anew
	go generate ./...

build: ## build bin/runbook
	CGO_ENABLED=0 go build -trimpath -o bin/runbook ./cmd/runbook
