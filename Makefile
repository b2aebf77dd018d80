# make course: set up and run the course headlessly.  make test: set up and pass all tests.
# make lab: open the course in JupyterLab.  make bench: time answers, training and runs.
# make range: run the course on the lowest and the newest supported libraries, on all supported Pythons.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.PHONY: course test lab bench range lock

ifeq ($(OS),Windows_NT)
  BIN := .venv/Scripts
else
  BIN := .venv/bin
endif

# Kernels start in other folders, so a path given relative to this one must become absolute.
ifdef COURSE_DATA
  export COURSE_DATA := $(abspath $(COURSE_DATA))
endif

SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)

TWO := OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1

course: .venv/ready
	$(BIN)/course run --jobs 2

test: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/course check
	# Each of the three lines below runs in two processes, so each process has one thread for its products.
	$(TWO) COURSE_CLAIMS=raise COURSE_PROGRESS=memory $(BIN)/python -m pytest -n 2 --dist loadscope --nbval --nbval-current-env \
		--nbval-cell-timeout=300 --nbval-sanitize-with=tests/nbval_sanitize.cfg -p no:cacheprovider notebooks
	$(TWO) $(BIN)/python -m pytest -n 2 tests/test_exercises.py
	# A file stays in one process: its tests share a server, a browser, a built course.
	$(TWO) $(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/test_exercises.py tests

lab: .venv/ready
	$(BIN)/jupyter lab --notebook-dir=notebooks

bench: .venv/ready
	$(BIN)/python tests/bench_exercises.py
	$(BIN)/python tests/bench_training.py
	$(BIN)/python tests/bench_course.py

range: .venv/ready
	$(BIN)/python tests/library_range.py

# Needs uv. Writes no address of an index, so that the lock serves behind any mirror.
lock:
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.txt

# The stamp is written last: an interrupted set-up is taken up again, a finished one needs no network.
.venv/ready: requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "The course needs Python 3.11, 3.12 or 3.13; none was found. Name one: make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	# matplotlib lists the fonts once; done here, no learner has to wait for it.
	$(BIN)/python -c "import helpers.plotting"
	touch $@
