# Daybook, by hand. Every target says what it does while it does it, and is harmless when repeated.
.DEFAULT_GOAL := help
.PHONY: help up down status test matrix fuzz model faults upgrade journeys demo bench bench-journal bench-state clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

up: ## Build, bring and start everything, load a demo tenant, print addresses and a token
	@deploy/local/up

down: ## Stop everything that `make up` started; the data stays
	@deploy/local/services stop
	@deploy/local/stack stop

status: ## What runs, its memory and address
	@deploy/local/stack status; deploy/local/services status

test: ## Everything there is to check, from formatting to journeys through the running system
	@tests/run

matrix: up ## Every operation asked by everybody who must not get an answer; the last line sums it up
	@DAYBOOK_CONFIG=$(CURDIR)/.local/daybook.toml DAYBOOK_STATE=$(CURDIR)/.local DAYBOOK_PORT_OFFSET=0 \
	  cargo test --quiet --locked --workspace --test journeys -- --ignored --exact --nocapture matrix::nothing_crosses_over \
	  | grep -E '^( |[a-z]+ ?[a-z]* +[0-9]|\{)'

fuzz: up ## Hostile input: ten minutes for all that reads bytes of strangers, then 20,000 cases of schemathesis: three quarters of an hour
	@tests/hostile/run

model: ## Search the protocol once more, with one more record than `make test` does: minutes, and some GB of memory
	@DAYBOOK_MODEL_MORE=1 cargo test --locked -p daybook-journal --test model holds -- --nocapture --test-threads=1

faults: ## Every fault on a real Kafka, by 20 seeds each, judged by the checker of histories: 25 minutes
	@tests/faults/run

upgrade: ## A rolling upgrade under load, FROM=<git revision> to this checkout, and one instance back: see docs/runbooks/upgrade.md
	@tests/upgrade/run $(FROM)

journeys: up ## Every journey through the running system, outages and kills included
	@DAYBOOK_CONFIG=$(CURDIR)/.local/daybook.toml DAYBOOK_STATE=$(CURDIR)/.local DAYBOOK_PORT_OFFSET=0 \
	  cargo test --locked --workspace --test journeys -- --ignored --test-threads=1

demo: up ## Import a real ServiceNow log, and compare every store with it
	@tests/outside/demo

bench: up ## Measure answers, freshness, throughput, list, rebuild and memory
	@deploy/local/daybook bench

bench-journal: ## Measure the journal beside UmaDB and postgres-es, and write docs/benchmarks.md
	@journal/bench/run

bench-state: ## Measure what ten million entries cost the command API: answers, start, memory
	@cargo build --workspace --bins --locked
	@command-api/bench/run

clean: down ## Forget the local system's data; downloads stay in the cache
	@deploy/local/services purge
	@deploy/local/stack purge
