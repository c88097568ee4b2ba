# The front door: every verb a person or a CI types. `make` alone lists them.

# Nothing is installed outside this folder, and nothing of the caller's Python leaks in.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
# Where Python may not keep what it compiled, each process compiles its imports again: xgboost's take 9 s then and not 3.
unexport PYTHONDONTWRITEBYTECODE

UV_VERSION := 0.13.9
export UV_CACHE_DIR ?= $(CURDIR)/.cache/uv
export UV_PYTHON_DOWNLOADS := never
# Compiled once here rather than by each first kernel and task: imports are most of what a short stage costs.
export UV_COMPILE_BYTECODE := 1
export JUPYTER_PATH := $(CURDIR)/.venvs/jupyter

AIRFLOW := .venvs/airflow/bin/python
WORKBENCH := .venvs/workbench/bin/python
# The command, of the environment with Airflow.
GALLEY := .venvs/airflow/bin/galley
CHECK := .venvs/check/bin
BROWSER := .venvs/browser/bin/python
BENCH_PYTHON := .venvs/bench/bin/python

LOCK := pyproject.toml uv.lock
AIRFLOW_READY := .venvs/airflow/.synced
WORKBENCH_READY := .venvs/workbench/.synced
DATA_READY := .venvs/data/.synced
CHECK_READY := .venvs/check/.synced
BROWSER_READY := .venvs/browser/.synced
BENCH_READY := .venvs/bench/.synced
STORE_READY := .venvs/store/.synced
CHART_READY := .venvs/chart/.synced
SBOM_READY := .venvs/sbom/.synced
TREES_READY := .venvs/lightgbm/.synced .venvs/xgboost/.synced
KERNELS := .venvs/jupyter/kernels/workbench/kernel.json .venvs/jupyter/kernels/data/kernel.json
TREES := .venvs/jupyter/kernels/lightgbm/kernel.json .venvs/jupyter/kernels/xgboost/kernel.json
READY := $(AIRFLOW_READY) $(WORKBENCH_READY) $(DATA_READY) $(KERNELS)

# Tests run beside each other, and their models are small. With a thread for each processor the threads of OpenMP, which
# spin while they wait for each other, took most of the processors: the tests of training and scoring four times as long.
test browse compat: export OMP_NUM_THREADS ?= 1

# Folders of tests, the quick ones first; those that are not there are left out.
WORKBENCH_TESTS := $(wildcard tests/unit tests/notebooks)
AIRFLOW_TESTS := $(wildcard tests/dags tests/faults tests/flow tests/proof)
STACK_TESTS := tests/stack
CONTAINER_TESTS := tests/faults/test_ends.py tests/faults/test_kill.py tests/faults/test_containers.py tests/dags/test_operators.py
# Named, so that environments and caches are left out even where there is no git to ignore them.
CODE := $(wildcard src dags examples notebooks tests benchmarks docs deploy .ci)
NOTEBOOKS := $(wildcard notebooks/*/*.ipynb examples/*/notebooks/*/*.ipynb)

.PHONY: help run up lab stack stack-down stack-clean stack-test backup restore sbom test compat chaos chart-test check fix browse screenshots bench
# One environment after the other: they share uv's bootstrap and its cache.
.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

help: ## list the verbs
	@awk -F ' *## ' '/^[a-z-]+:.* ## / {sub(/:.*/, "", $$1); printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(READY) ## the whole job once, on an embedded Airflow: data, training, review, predictions  [DS=2026-11-23 DAYS=28]
	@$(GALLEY) run $(if $(DS),--ds '$(DS)') $(if $(DAYS),--days '$(DAYS)')

up: $(READY) ## Airflow and MLflow with their user interfaces, until Ctrl-C
	@$(GALLEY) up

lab: $(READY) ## JupyterLab on the notebooks, in the environment that runs them
	@$(GALLEY) lab

stack: ## the whole system in containers, with docker compose; writes .env with generated secrets if there is none
	@$(find_python); PYTHONPATH=src "$$python" -m galley.local.stack up

stack-down: ## end all of it; databases, models and logs stay, unless VOLUMES=yes  [VOLUMES=yes]
	@$(find_python); PYTHONPATH=src "$$python" -m galley.local.stack down $(if $(filter yes,$(VOLUMES)),--volumes)

stack-clean: ## remove what is older than DAYS from Airflow's database and the logs of tasks  [DAYS=365]
	@docker compose exec -T airflow-scheduler deploy/airflow/clean '$(or $(DAYS),365)'

stack-test: $(READY) $(STORE_READY) $(BROWSER_READY) $(SBOM_READY) ## the tests that need Docker: the stack from nothing, all that can happen to it, a backup, stages in containers
	$(if $(STACK_TESTS),AIRFLOW_HOME='$(CURDIR)/.cache/airflow-stack' $(AIRFLOW) -m pytest $(STACK_TESTS))
	$(if $(CONTAINER_TESTS),AIRFLOW_HOME='$(CURDIR)/.cache/airflow-containers' $(AIRFLOW) -m pytest $(CONTAINER_TESTS) --runner docker)

backup: ## copy what the stack cannot make again  [TO=backups/<now>]
	@deploy/backup '$(or $(TO),backups/$(shell date +%Y-%m-%dT%H%M%S))'

restore: ## put a backup in the place of what the stack has now, start it, and try what it holds  [FROM=backups/...]
	@$(find_python); PYTHONPATH=src "$$python" -m galley.local.stack restore '$(FROM)'

test: $(READY) $(STORE_READY) $(TREES) ## every test that needs no Docker
	$(if $(WORKBENCH_TESTS),$(WORKBENCH) -m pytest $(WORKBENCH_TESTS))
	$(if $(AIRFLOW_TESTS),AIRFLOW_HOME='$(CURDIR)/.cache/airflow' $(AIRFLOW) -m pytest $(AIRFLOW_TESTS))

compat: ## the wheel beside each Airflow of docs/compatibility.md: the tests of DAGs, a week, what galley init writes  [RELEASES="3.1 3.2"]
	@$(find_python); $(find_uv); folder=$$(mktemp -d); "$$uv" build --quiet --wheel --python "$$python" --out-dir "$$folder"; \
	UV="$$uv" "$$python" tests/compat/releases.py "$$folder"/*.whl "$$folder" $(RELEASES) && rm -rf "$$folder"

sbom: $(SBOM_READY) ## what is in the wheel and in each image of the stack, as CycloneDX  [TO=sbom]
	@$(find_python); $(find_uv); mkdir -p '$(or $(TO),sbom)'; \
	"$$uv" export --quiet --frozen --python "$$python" --no-default-groups --format cyclonedx1.5 --output-file '$(or $(TO),sbom)/wheel.cdx.json'
	@PATH="$(CURDIR)/.venvs/sbom/bin:$$PATH" deploy/sbom '$(or $(TO),sbom)'

chart-test: $(CHART_READY) ## the manifests of Kubernetes and tasks' pods, with Airflow's chart where it is  [CHART=airflow-1.22.0.tgz]
	AIRFLOW_HOME='$(CURDIR)/.cache/airflow-chart' CHART='$(CHART)' .venvs/chart/bin/python -m pytest tests/chart

chaos: $(READY) $(STORE_READY) ## kill at random, in every stage, and hold what is left to the promises; the seed repeats a round  [ROUNDS=500 SEED=1 IN=bucket]
	@$(AIRFLOW) tests/chaos.py '$(or $(ROUNDS),500)' '$(SEED)' $(IN)

browse: $(READY) $(BROWSER_READY) ## the tests that drive Chromium through the user interface
	$(BROWSER) -m pytest tests/browser

bench: $(READY) $(BENCH_READY) ## measured against scripts, plain tasks and peers; writes docs/benchmarks.md  [BENCH=stages STAGES=all ROUNDS=5]
	$(foreach name,$(or $(BENCH),dags weekly stages scoring trees growth peers backtest),$(bench_python) benchmarks/$(name).py $(bench_arguments) &&) \
	$(BENCH_PYTHON) benchmarks/plot.py

# What reading a DAG file costs is of interest where Airflow is: it imports less there.
bench_python = $(if $(filter dags,$(name)),$(AIRFLOW),$(BENCH_PYTHON))
# The first argument is how many rounds are made, but for scoring, whose first one is how many rows; a backtest needs none.
bench_arguments = $(if $(filter scoring,$(name)),$(if $(ROUNDS),1000000 $(ROUNDS)),$(if $(filter-out backtest,$(name)),$(or $(ROUNDS),5) $(if $(filter stages,$(name)),$(STAGES))))

screenshots: $(READY) $(BROWSER_READY) ## drive Chromium through the user interface and take the pictures in docs again
	$(BROWSER) -m pytest tests/browser --pictures docs/pictures

check: $(CHECK_READY) $(AIRFLOW_READY) $(WORKBENCH_READY) ## lint, formats, types, galley.toml, notebooks; changes nothing
	$(CHECK)/ruff check $(CODE)
	$(CHECK)/ruff format --check $(CODE)
	$(CHECK)/mypy --python-executable $(WORKBENCH) --cache-dir .mypy_cache/workbench --exclude 'galley/(airflow|local)/' src
	$(CHECK)/mypy --python-executable $(AIRFLOW) --cache-dir .mypy_cache/airflow src/galley/airflow src/galley/local
	$(if $(NOTEBOOKS),$(CHECK)/nbstripout --keep-id --verify $(NOTEBOOKS))
	$(GALLEY) check

fix: $(CHECK_READY) ## format, fix what can be fixed, strip notebooks
	$(CHECK)/ruff format $(CODE)
	$(CHECK)/ruff check --fix $(CODE)
	$(if $(NOTEBOOKS),$(CHECK)/nbstripout --keep-id $(NOTEBOOKS))

# The environments: each from the one lock, and synced again only when the lock changes.
$(AIRFLOW_READY): WANTED := --extra papermill --extra local --extra docker --extra s3 --group test
$(WORKBENCH_READY): WANTED := --group server --extra gcs --extra s3 --group lab --group test
$(DATA_READY): WANTED := --group data --extra gcs --extra s3
$(CHECK_READY): WANTED := --only-group check
$(BROWSER_READY): WANTED := --group browser
$(BENCH_READY): WANTED := --group bench
$(STORE_READY): WANTED := --only-group store
$(CHART_READY): WANTED := --group chart
$(SBOM_READY): WANTED := --only-group sbom
.venvs/lightgbm/.synced: WANTED := --extra lightgbm
.venvs/xgboost/.synced: WANTED := --group xgboost
# For a few tests: to compile all of it would take longer than these.
$(TREES_READY) $(CHART_READY): export UV_COMPILE_BYTECODE := 0
$(AIRFLOW_READY) $(WORKBENCH_READY) $(DATA_READY) $(CHECK_READY) $(BROWSER_READY) $(BENCH_READY) $(STORE_READY) $(CHART_READY) $(SBOM_READY) $(TREES_READY): $(LOCK)
	@echo "Installing $(@D) from uv.lock"
	@$(find_python); $(find_uv); UV_PROJECT_ENVIRONMENT='$(CURDIR)/$(@D)' "$$uv" sync --quiet --frozen --python "$$python" $(WANTED)
	@touch $@

.venvs/jupyter/kernels/%/kernel.json: .venvs/%/.synced src/galley/kernels/kernelspec.py
	@.venvs/$*/bin/galley kernel install $* --to .venvs/jupyter >/dev/null
	@touch $@

# Shell text that sets $python: the first interpreter that this project can use.
define find_python
python=; for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
  if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
  then python=$$("$$candidate" -c 'import sys; print(sys.executable)'); break; fi; done; \
if [ -z "$$python" ]; then \
  echo "No Python 3.11, 3.12 or 3.13 found (python3 is: $$(python3 --version 2>&1)). Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; fi
endef

# Shell text that sets $uv: the caller's, if it is not older than the one that wrote the lock, or one in this folder.
define find_uv
uv=$$(command -v uv || true); \
if ! "$$python" -c 'import subprocess, sys; version = subprocess.run([sys.argv[1], "--version"], capture_output=True, text=True).stdout; \
  sys.exit(tuple(map(int, version.split()[1].split("."))) < tuple(map(int, "$(UV_VERSION)".split("."))))' "$$uv" 2>/dev/null; then \
  uv='$(CURDIR)/.uv/bin/uv'; \
  if [ "$$("$$uv" --version 2>/dev/null | cut -d' ' -f2)" != '$(UV_VERSION)' ]; then \
    echo "Installing uv $(UV_VERSION) into .uv"; rm -rf .uv; \
    if ! "$$python" -m venv .uv; then \
      echo "$$python cannot make environments. Install its venv module (Debian, Ubuntu: apt install python3-venv), or put uv $(UV_VERSION) on the PATH." >&2; \
      rm -rf .uv; exit 1; fi; \
    .uv/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check 'uv==$(UV_VERSION)' || exit 1; fi; fi
endef
