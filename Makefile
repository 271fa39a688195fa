# make quickstart   set up and train the default soup; its front is in runs/quickstart
# make test         set up and run every check
# make bench        set up with the peers and run the benchmarks

PYTHON ?= python3
VENV ?= .venv
RSOUP = $(VENV)/bin/rsoup
INSTALL = $(VENV)/bin/python -m pip install --quiet -c constraints.txt

.PHONY: quickstart test bench install
quickstart: install
	$(RSOUP) soup -c conf/locomotion/quickstart.yaml --run_dir runs/quickstart

test: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest

bench: install
	$(INSTALL) -e '.[bench]'
	$(VENV)/bin/python benchmarks/locomotion_throughput.py
	$(VENV)/bin/python benchmarks/locomotion_sweep.py
	$(VENV)/bin/python benchmarks/merge_speed.py

install: $(VENV)/.installed
$(VENV)/.installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -e '.[fast,mo,test]'
	touch $@
