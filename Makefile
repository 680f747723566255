# PYTHON makes the environment; everything else runs in it.
PYTHON ?= python3
VENV := .venv/bin
export OMP_NUM_THREADS ?= 2

# A part of the slow tests; ends after 45 minutes, so that each can be run by itself where time is short.
SLOW := OMP_NUM_THREADS=1 timeout 45m $(VENV)/python -m pytest -n 2 --dist worksteal --durations 10 -m slow

.PHONY: setup demo test test-slow slow-campaign slow-kills slow-configs slow-docs slow-others dry-run lint docs readme-image toy-encoder synthetic-sheet

setup: .venv/installed

.venv/installed: setup.py pyproject.toml constraints.txt Makefile
	$(PYTHON) -m venv .venv
	$(VENV)/python -m pip install --upgrade pip
	$(VENV)/python -m pip install -c constraints.txt -e ".[test]"
	$(VENV)/python -m pip install --no-deps fastreid==1.4.0
	touch $@

demo: setup
	$(VENV)/python tools/demo.py

test: setup
	OMP_NUM_THREADS=1 $(VENV)/python -m pytest -n 2 --dist worksteal --durations 10 -m "not slow"

test-slow: slow-campaign slow-kills slow-configs slow-docs slow-others dry-run

slow-campaign: setup
	$(SLOW) tests/campaign

slow-kills: setup
	$(SLOW) tests/engine/test_kills.py

slow-configs: setup
	$(SLOW) tests/configs

# One process: its pages share one run of the demo.
slow-docs: setup
	$(SLOW) -n 0 tests/test_docs.py

slow-others: setup
	$(SLOW) tests --ignore tests/campaign --ignore tests/engine/test_kills.py --ignore tests/configs --ignore tests/test_docs.py

dry-run: setup
	$(VENV)/python tools/dry_run.py
	$(VENV)/python tools/dry_run_reproduce.py

lint: setup
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .

docs: setup
	$(VENV)/mkdocs build --strict

# The image at the top of README.md: the best-answered query of a test set of people whom the shipped encoder was not trained on.
readme-image: setup
	$(VENV)/dcac-fastreid visualize ranked-lists --checkpoint dcac_fastreid/synthetic/encoder/encoder.safetensors \
		--config-file DCAC/synthetic/recommended/ma_ms.yml --dataset DG_DukeMTMC --order best --queries 1 \
		--output logs/readme-image
	$(VENV)/python -c "import PIL.Image as I; I.open('logs/readme-image/ranked-lists-best.png').convert('RGB').save('docs/readme.jpg', quality=90)"

toy-encoder: setup
	$(VENV)/python tools/toy_encoder.py

synthetic-sheet: setup
	$(VENV)/python tools/synthetic_sheet.py --output docs/world.jpg
