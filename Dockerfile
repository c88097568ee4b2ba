# The stack's images, one target each, all from one lock. Without Docker, see the Makefile.
#
#   airflow      galley-airflow      API server, DAG processor, triggerer; the scheduler too, if stages run in containers
#   worker       galley-worker       airflow and the environments of all stages: tasks with GALLEY_RUNNER=local; JupyterLab
#   workbench    galley-workbench    stages that train, judge and score; MLflow's server; JupyterLab
#   data-stage   galley-data-stage   stages that only move data
#   docker-proxy galley-docker-proxy the filter before the Docker engine (profile docker)
#   mail         galley-mail         catches mail in the profile dev

FROM python:3.13-slim-trixie AS base
ENV GALLEY_HOME=/opt/galley \
    GALLEY_DATA=/data \
    GALLEY_OUTPUTS=/outputs \
    HOME=/tmp/home \
    JUPYTER_PATH=/opt/galley/.venvs/jupyter \
    LOGNAME=galley \
    PYTHONUNBUFFERED=1
WORKDIR /opt/galley
# Group 0, so that any user may write there, by whatever number compose runs it.
RUN install -d -m 2775 -o 50000 -g 0 /data /outputs /opt/galley/dags /opt/galley/notebooks

FROM base AS build
ENV HOME=/root \
    PATH=/opt/uv/bin:$PATH \
    UV_CACHE_DIR=/cache/uv \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_EDITABLE=1 \
    UV_PYTHON=/usr/local/bin/python \
    UV_PYTHON_DOWNLOADS=never
RUN --mount=type=cache,target=/cache \
    python -m venv /opt/uv && /opt/uv/bin/pip install --quiet --cache-dir /cache/pip uv==0.13.9
COPY pyproject.toml uv.lock ./

# Each environment twice: the libraries, which change with the lock alone, and then the project's own code.
FROM build AS airflow-environment
ENV UV_PROJECT_ENVIRONMENT=.venvs/airflow \
    # The papermill provider asks for pandas and never imports it.
    LEFT_OUT="--no-install-package pandas --no-install-package numpy"
RUN --mount=type=cache,target=/cache uv sync --frozen --no-install-project --extra stack --extra docker --extra celery $LEFT_OUT
COPY README.md LICENSE ./
COPY src src
RUN --mount=type=cache,target=/cache uv sync --frozen --extra stack --extra docker --extra celery $LEFT_OUT

FROM build AS data-environment
ENV UV_PROJECT_ENVIRONMENT=.venvs/data
RUN --mount=type=cache,target=/cache uv sync --frozen --no-install-project --extra data
COPY README.md LICENSE ./
COPY src src
RUN --mount=type=cache,target=/cache uv sync --frozen --extra data
RUN .venvs/data/bin/python -m galley.kernels data .venvs/jupyter

FROM build AS workbench-environment
ENV UV_PROJECT_ENVIRONMENT=.venvs/workbench
RUN --mount=type=cache,target=/cache uv sync --frozen --no-install-project --extra server --group lab
COPY README.md LICENSE ./
COPY src src
RUN --mount=type=cache,target=/cache uv sync --frozen --extra server --group lab
RUN .venvs/workbench/bin/python -m galley.kernels workbench .venvs/jupyter

FROM python:3.13-slim-trixie AS docker-proxy
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends haproxy && rm -rf /var/lib/apt/lists/*

FROM base AS data-stage
COPY --from=data-environment /opt/galley/.venvs .venvs
COPY pyproject.toml uv.lock ./
ENV PATH=/opt/galley/.venvs/data/bin:$PATH
USER 50000:0

FROM base AS workbench
COPY --from=workbench-environment /opt/galley/.venvs .venvs
COPY pyproject.toml uv.lock ./
ENV PATH=/opt/galley/.venvs/workbench/bin:$PATH
RUN install -d -m 2775 -o 50000 -g 0 /mlflow
USER 50000:0

FROM base AS airflow
COPY --from=airflow-environment /opt/galley/.venvs .venvs
COPY pyproject.toml uv.lock ./
ENV AIRFLOW_HOME=/opt/airflow \
    PATH=/opt/galley/.venvs/airflow/bin:$PATH
RUN install -d -m 2775 -o 50000 -g 0 /opt/airflow /opt/airflow/logs
USER 50000:0

FROM airflow AS worker
USER root
RUN install -d -m 2775 -o 50000 -g 0 /scratch
USER 50000:0
COPY --from=data-environment /opt/galley/.venvs .venvs
COPY --from=workbench-environment /opt/galley/.venvs .venvs

# Catches the mail of the profile dev; nothing is sent on.
FROM build AS mail-environment
ENV UV_PROJECT_ENVIRONMENT=.venvs/mail
RUN --mount=type=cache,target=/cache uv sync --frozen --only-group mail

FROM base AS mail
COPY --from=mail-environment /opt/galley/.venvs .venvs
ENV PATH=/opt/galley/.venvs/mail/bin:$PATH
RUN install -d -m 2775 -o 50000 -g 0 /mail
USER 50000:0
