# What a developer or an administrator types.  `make help` lists it.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
INTEROP := $(VENV)-interop
PAGE   := ichatgw/test/interop/page
TWISTD_PLUGINS := twisted/plugins
CODE   := ichatgw twisted bench docs stubs etc/ichatgw.tac
SOURCES := $(shell find ichatgw twisted -name '*.py' -not -path '*/__pycache__/*')

# How many processes run tests at once.  Those between real programs mostly wait.
JOBS ?= 2
E2E_JOBS ?= 5
# A commit has an order of its own, which differs from that of the commit before.
SEED ?= $(shell tree=$$(git rev-parse 'HEAD^{tree}' 2>/dev/null | cut -c1-5); [ "$$tree" ] && printf %d 0x$$tree || echo any)
N ?= 150
MODULES ?= *
MARKS := $(BIN)/python -m ichatgw.test.marks

SOAK_SECONDS ?= 600
SOAK_RATE ?= 20

.PHONY: help venv test unit slow coverage mutants lint style doccheck docs drawings types pythons e2e interop peers demo bench soak clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

# The environment is made anew when the dependencies change, and the package is installed into it, as a user would,
# when a source changes: twistd finds the plugin there.  trial and mypy read the checkout.
$(VENV)/dependencies: setup.cfg pyproject.toml
	@.ci/need venv $(PYTHON)
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'setuptools>=68' wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '.[dev]'
	@touch $@ $(VENV)/installed

$(VENV)/installed: $(VENV)/dependencies $(SOURCES) README.rst
	@rm -rf build
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --force-reinstall .
	@rm -rf build
	@touch $@

venv: $(VENV)/installed ## the virtual environment with the package and the tools in it

lint: style doccheck ## the style of the code, and whether the documentation can be built

style: $(VENV)/dependencies
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/vermin --no-tips --quiet --eval-annotations --violations --target=3.10- $(CODE)

# All pages, news and docstrings are read, and every reference is looked up.  What is written is thrown away.
doccheck: $(VENV)/dependencies
	@for page in *.rst; do $(BIN)/python -m docutils --strict $$page /dev/null || exit 1; done
	@awk 'FNR == 1 {print ""} {print}' newsfragments/*.*.rst | $(BIN)/python -m docutils --strict - /dev/null
	$(BIN)/sphinx-build -W -q -E -b dummy docs _docs/.checked
	PYTHONPATH=docs $(BIN)/pydoctor --html-writer=apidoc.Check --html-output=_docs/.checked ichatgw

docs: $(VENV)/dependencies ## the documentation as pages in _docs, with those of each class and function in _docs/api
	$(BIN)/sphinx-build -W -q -b html docs _docs
	PYTHONPATH=docs $(BIN)/pydoctor --html-output=_docs/api ichatgw

drawings: $(VENV)/dependencies ## the drawings in the documentation, made anew from the code
	@.ci/need drawings
	$(BIN)/python -m docs.draw

types: $(VENV)/dependencies ## the types, strictly
	$(BIN)/mypy ichatgw $(TWISTD_PLUGINS) bench docs

unit: $(VENV)/dependencies ## the quick unit tests: all but those marked as slow
	$(MARKS) --without slow --processes $(JOBS) --reporter=text --temp-directory=_trial_temp ichatgw

slow: $(VENV)/dependencies ## the slow unit tests
	$(MARKS) --with slow -j$(JOBS) --temp-directory=_trial_temp_slow ichatgw

coverage: $(VENV)/dependencies ## all unit tests in the commit's own random order (SEED=number|any for another), and what they cover
	@rm -f .coverage .coverage.*
	$(BIN)/coverage run -m ichatgw.test.marks --shuffle=$(SEED) --processes $(JOBS) --reporter=text --temp-directory=_trial_temp ichatgw
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

mutants: $(VENV)/dependencies ## do the tests notice small faults?  A sample of them (N=150 SEED=number MODULES='sip/*')
	$(BIN)/python -m ichatgw.test.mutants --count $(N) --seed $(SEED) --modules '$(MODULES)' --jobs $(JOBS)

pythons: $(VENV)/dependencies ## the quick unit tests on every other Python that is found
	@VENV=$(VENV) .ci/pythons

e2e: venv ## the end-to-end tests against Prosody, ejabberd, Kamailio, sipp and baresip
	@.ci/need peers
	@status=0; export PATH="$(abspath $(BIN)):$$PATH"; \
	$(MARKS) --without alone -j$(E2E_JOBS) --temp-directory=_trial_temp_e2e ichatgw.test.e2e.suite || status=1; \
	$(MARKS) --with alone --temp-directory=_trial_temp_e2e_alone ichatgw.test.e2e.suite || status=1; exit $$status

# What Jingle clients are made of: aiortc, and a page with stanza.js for Chromium.
$(INTEROP)/ready: setup.cfg $(wildcard $(PAGE)/*)
	@.ci/need interop
	rm -rf $(INTEROP)
	$(PYTHON) -m venv $(INTEROP)
	$(INTEROP)/bin/python -m pip install --quiet --disable-pip-version-check '.[interop]'
	@rm -rf build
	mkdir $(INTEROP)/page && cp $(PAGE)/* $(INTEROP)/page
	cd $(INTEROP)/page && npm ci --silent --no-audit --no-fund && node_modules/.bin/esbuild page.js --bundle \
		--define:global=window --log-level=warning --outfile=bundle.js
	@touch $@

interop: venv $(INTEROP)/ready ## the matrix of calls with real phones, proxies and clients, about half an hour (CELLS=pattern)
	@.ci/need interop
	ICHATGW_INTEROP="$(abspath $(INTEROP))" PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m ichatgw.test.interop $(if $(CELLS),--cells '$(CELLS)')

test: venv ## everything: lint, types, unit tests, coverage, end to end, other Pythons
	@VENV=$(VENV) MAKE=$(MAKE) .ci/test

demo: venv ## calls through a gateway on this machine, drawn as ladders
	@$(BIN)/python -m ichatgw.sim.demo

bench: venv ## the benchmarks, as tables
	$(BIN)/python bench/dialplan.py
	$(BIN)/python bench/phonebook.py
	$(BIN)/python bench/trunks.py
	$(BIN)/python bench/calls.py
	$(BIN)/python bench/relay.py
	$(BIN)/python bench/packets.py
	$(BIN)/python bench/mixed.py
	$(BIN)/python bench/mixedjingle.py

soak: venv ## ten minutes of mixed calls, and what is left of them (SOAK_SECONDS, SOAK_RATE)
	$(BIN)/python bench/soak.py --seconds $(SOAK_SECONDS) --rate $(SOAK_RATE)

clean: ## forget everything that was made
	rm -rf $(VENV) $(VENV)-3.* $(INTEROP) _docs build dist *.egg-info _trial_temp* _interop .coverage .coverage.* .mypy_cache .ruff_cache
	find ichatgw twisted bench -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f $(TWISTD_PLUGINS)/dropin.cache
