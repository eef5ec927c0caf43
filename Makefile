# Needs Python 3.11 or newer and nothing else; uses uv when it is there. `make help` lists every target.
PYTHON ?= python3
PY := .venv/bin/python
CODE := cms config membership newsletter
# What may behave differently on PostgreSQL: SQL, search, constraints, locks. What draws pages, asks for permissions or
# writes mails is run on SQLite alone, and so is all that needs no database (tests/conftest.py leaves that out).
ON_POSTGRESQL := tests/newsletter tests/membership $(wildcard tests/cms/test_search*.py) \
	$(patsubst %,tests/cms/test_%.py,directory discovery related moderating signposting enquiry_report assuring caring \
	link_rounds import_services import_again openreferral private_files) \
	--ignore=tests/newsletter/transports --ignore-glob='tests/newsletter/test_desk_*' \
	$(patsubst %,--ignore=tests/newsletter/test_%.py,roles rendering preflight skeletons presenting item_images issue_editor \
	dashboard_panel rehearsing correction_mail approved_words differences preview_is_delivery) \
	$(patsubst %,--ignore=tests/membership/test_%.py,mfa pages rate_limits enumeration complaints profile logging_in \
	staff_member_page staff_permissions)
# Two workers race here, and leases run out by the clock: nothing else may run beside them.
BOTH_PROCESSORS := tests/services/test_kills.py tests/services/test_faults.py
# Compiled once, not in each of the many processes that tests and commands start.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.PHONY: help demo run practice test test-services lint format types contracts check migrations secrets audit chaos fuzz load kills bench lighthouse lock clean

help: ## list every target
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.venv/installed: requirements.lock ## install what the service needs
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@if command -v uv >/dev/null; then uv pip install -q --python $(PY) --require-hashes -r requirements.lock; \
	else $(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock; fi
	@touch $@

.venv/installed-dev: requirements-dev.lock
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@if command -v uv >/dev/null; then uv pip install -q --python $(PY) --require-hashes -r requirements-dev.lock; \
	else $(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock; fi
	@touch .venv/installed $@

demo: .venv/installed ## sample content, last month's issue compiled, approved and sent to var/outbox/
	@$(PY) manage.py migrate --verbosity 0
	@$(PY) manage.py demo

run: .venv/installed ## serve site, worker and scheduler at http://localhost:8000
	@$(PY) manage.py migrate --verbosity 0
	@echo "i-HOP is at http://localhost:8000 (Ctrl-C stops it). After make demo, log in at http://localhost:8000/admin/"
	@echo "with admin@example.org and demo-only-password, or as approver@example.org or author@example.org with the same password."
	@PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/bin/honcho -f config/Procfile -d . start

practice: .venv/installed ## as run, but mail goes to a provider that only counts it (MISBEHAVE=429=0.1 and the like)
	@$(PY) manage.py migrate --verbosity 0
	@echo "i-HOP is at http://localhost:8000, the practice provider at http://localhost:8025/simulator/counts. Let it report:"
	@echo "  curl -d '{\"to\": \"http://localhost:8000/webhooks/mailgun/tracking/\"}' http://localhost:8025/simulator/events"
	@EMAIL_PROVIDER=mailgun ANYMAIL_MAILGUN_API_KEY=practice ANYMAIL_MAILGUN_API_URL=http://127.0.0.1:8025/v3 \
	ANYMAIL_MAILGUN_WEBHOOK_SIGNING_KEY=practice MISBEHAVE="$(MISBEHAVE)" \
	PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/bin/honcho -f config/Procfile.practice -d . start

test: .venv/installed-dev ## the fast suite, on SQLite, without any service
	@$(PY) -m pytest -q -n auto -m "not services"

var/email-clients/installed: tests/services/email-clients/package-lock.json
	@mkdir -p var/email-clients
	@cp tests/services/email-clients/package.json tests/services/email-clients/package-lock.json var/email-clients/
	@npm ci --prefix var/email-clients --ignore-scripts --no-audit --no-fund --silent
	@touch $@

var/lighthouse/installed: tests/services/lighthouse/package-lock.json
	@mkdir -p var/lighthouse
	@cp tests/services/lighthouse/package.json tests/services/lighthouse/package-lock.json var/lighthouse/
	@npm ci --prefix var/lighthouse --ignore-scripts --no-audit --no-fund --silent
	@touch $@

test-services: .venv/installed-dev var/email-clients/installed var/lighthouse/installed ## what needs PostgreSQL, Redis and a browser; fails loudly without them
	@DATABASE_URL=postgres://root@127.0.0.1:5432/test $(MAKE) --no-print-directory migrations
	@DATABASE_URL=postgres://root@127.0.0.1:5432/test $(PY) -m pytest -q -n auto -m "not services" $(ON_POSTGRESQL)
	@$(PY) -m pytest -q -m services $(BOTH_PROCESSORS)
	@$(PY) -m pytest -q -n 2 --dist loadgroup -m services tests/services $(BOTH_PROCESSORS:%=--ignore=%)

lint: .venv/installed-dev ## style of code and templates
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/djlint templates --check --lint

format: .venv/installed-dev ## put code and templates into shape
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .
	@.venv/bin/djlint templates --reformat --quiet || true

types: .venv/installed-dev ## mypy, strict on the application
	@.venv/bin/mypy $(CODE)

contracts: .venv/installed-dev ## cms <- membership <- newsletter, and the order inside newsletter
	@PYTHONPATH=. .venv/bin/lint-imports

migrations: .venv/installed-dev ## no missing migration, none that would lock a running system
	@$(PY) manage.py makemigrations --check --dry-run
	@DJANGO_SETTINGS_MODULE=config.settings.lint $(PY) manage.py lintmigrations --project-root-path . --include-apps cms membership newsletter --ignore-name-contains initial --warnings-as-errors --no-cache --quiet ok ignore

secrets: .venv/installed-dev ## no key or password in a committed file (what is meant stands in .secrets.baseline)
	@$(PY) .ci/secrets.py

audit: .venv/installed-dev ## known weaknesses of the packages we are pinned to
	@$(PY) .ci/audit.py

check: lint types contracts migrations secrets ## everything that reads the code without running it
	@$(PY) manage.py check

chaos: .venv/installed-dev ## sends struck by several things at once, 20 times, within 10 minutes: nobody twice, nobody lost
	@$(PY) -m benchmarks.chaos

fuzz: .venv/installed-dev ## 20,000 requests of every shape to every address of the URL conf: no 500
	@$(PY) -m benchmarks.fuzz

load: .venv/installed-dev ## 200 visitors read while an issue goes out to 100,000 members: nobody waits for long
	@$(PY) -m benchmarks.load

kills: .venv/installed-dev ## workers killed at seeded moments, and all that can fail around them, as JSON
	@$(PY) -m benchmarks.kills --provider smtp
	@$(PY) -m benchmarks.kills --provider http
	@$(PY) -m benchmarks.faults

bench: .venv/installed-dev ## rendering, sending, provider events, clicks, verdicts and reports: figures as JSON
	@$(PY) -m benchmarks.bench
	@$(PY) -m benchmarks.ingest
	@$(PY) -m benchmarks.month --json
	@$(PY) -m benchmarks.reports

lighthouse: .venv/installed-dev var/lighthouse/installed ## Google's audit of home, search and an entry, under production settings
	@$(PY) -m benchmarks.lighthouse

lock: .venv/installed-dev ## pin the dependencies anew, with hashes and without any index's address
	@uv pip compile pyproject.toml -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links -o requirements.lock
	@uv pip compile pyproject.toml --group dev -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links -o requirements-dev.lock
	@uv pip compile pyproject.toml --all-extras -c requirements.lock -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links -o requirements-extras.lock

clean: ## forget the sample installation (database, outbox, uploads)
	@rm -rf var
