# Two commands: `make run` for a workspace, `make test` for the tests.
# Honoured: PYTHON, HOST, PORT, LEVERPOINT_HOME, DATABASE_URL, DATABASE_OWNER_URL, REDIS_URL, PG.

SHELL := /bin/sh
.DEFAULT_GOAL := help

SETUP := @python=$$(config/launch/find-python) && "$$python" config/launch/setup.py
VENV := .venv/bin
ARGS ?=
# For tools that import the settings and never dial.
NOWHERE := SECRET_KEY=none DATABASE_URL=postgresql://a:b@127.0.0.1:1/c REDIS_URL=redis://127.0.0.1:1/0

.PHONY: help run setup test check campaign random-quarters together guards-demo fix bench bench-board bench-funnel bench-quarters bench-experiments faults check-data seed manage engines

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## set up what is missing, start everything, print the address
	$(SETUP) app engines
	@exec $(VENV)/python -m config.launch run

setup: ## set up everything, for developing too, and start nothing
	$(SETUP) app engines dev

test: ## set up and run the tests (ARGS="tests/accounts -x", PG=16)
	$(SETUP) app engines dev
	@exec $(VENV)/python -m config.launch test $(ARGS)

check: ## lint, types, layers, and migrations that match the models
	$(SETUP) app engines dev
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/lint-imports
	$(NOWHERE) $(VENV)/mypy metrics/calc pipeline/importers config/launch
	$(VENV)/python manage.py makemigrations --check --dry-run

campaign: ## random work in two companies, long: CAMPAIGN=2000
	$(SETUP) app engines dev
	@exec env CAMPAIGN=$(or $(CAMPAIGN),2000) $(VENV)/python -m config.launch test tests/pipeline/test_two_companies.py

random-quarters: ## two years of random work by four people, every snapshot counted again: STEPS=5000 SEED=1
	$(SETUP) app engines dev
	@exec env STEPS=$(or $(STEPS),5000) SEED=$(or $(SEED),1) $(VENV)/python -m config.launch test tests/metrics/test_random_quarters.py

together: ## one move sent eight times, eight editors of one screen: ROUNDS=1000 SEED=1
	$(SETUP) app engines dev
	@exec env ROUNDS=$(or $(ROUNDS),1000) SEED=$(or $(SEED),1) $(VENV)/python -m config.launch test tests/pipeline/test_many_at_the_same_time.py

guards-demo: ## plant faults in a copy of the house and show which test sees each
	$(SETUP) app engines dev
	@exec $(VENV)/python -m tests.guards.demo $(ARGS)

fix: ## format, and mend what the linter can
	$(SETUP) app engines dev
	$(VENV)/ruff format .
	$(VENV)/ruff check --fix .

bench: ## one million deals beside DuckDB (takes minutes)
	$(SETUP) app engines dev
	@exec $(VENV)/python -m benchmarks $(ARGS)

bench-board: ## the board of ten thousand open deals: queries, time, bytes
	$(SETUP) app engines dev
	@exec $(VENV)/python -m benchmarks.board $(ARGS)

bench-funnel: ## the funnel page of a large company beside an empty one: ARGS="--deals 1000000"
	$(SETUP) app engines dev
	@exec $(VENV)/python -m benchmarks.funnel $(ARGS)

bench-quarters: ## the pages and files of forty quarters and sixty reps beside the limits of a request
	$(SETUP) app engines dev
	@exec $(VENV)/python -m benchmarks.quarters $(ARGS)

bench-experiments: ## do the intervals of experiments keep their promise: 2,000 companies per design
	$(SETUP) app engines dev
	@exec $(VENV)/python -m benchmarks.experiments_coverage $(ARGS)

faults: ## 10,000 moves, 100 workers and 50 Redis killed while quarters close: ARGS="--seed 2"
	$(SETUP) app engines dev
	@exec $(VENV)/python -m benchmarks.faults $(ARGS)

check-data: ## import public sales data and compare with its oracles: DATA=folder
	$(SETUP) app engines dev
	@exec $(VENV)/python -m benchmarks.check_public_data $(DATA)

seed: ## make the demo company again, if there is none
	$(SETUP) app engines
	@exec $(VENV)/python manage.py make_demo --if-empty $(ARGS)

manage: ## a command of manage.py on the same database: ARGS="recompute --slug demo --all"
	$(SETUP) app engines
	@exec $(VENV)/python manage.py $(ARGS)

engines: ## the private PostgreSQL and Redis alone, until Ctrl-C
	$(SETUP) app engines
	@exec $(VENV)/python -m config.launch engines
