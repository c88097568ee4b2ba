# The stack's images, one target each, all from one lock. Without Docker, see the Makefile.
#
#   airflow      galley-airflow      API server, DAG processor, triggerer; the scheduler too, if stages run in containers
#   worker       galley-worker       airflow and the environments of all stages: tasks with GALLEY_RUNNER=local; JupyterLab
#   workbench    galley-workbench    stages that train, judge and score; MLflow's server; JupyterLab
#   data-stage   galley-data-stage   stages that only move data
#   docker-proxy galley-docker-proxy the filter before the Docker engine (profile docker)
#   tls-proxy    galley-tls-proxy    the proxy with TLS before all user interfaces (profile tls)
#   mail         galley-mail         catches mail in the profile dev

# IMAGE_CHECKOUT is the commit that it is built from, which reports state; last in each, for it changes most often.

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
    UV_PYTHON=/usr/local/bin/python \
    UV_PYTHON_DOWNLOADS=never
RUN --mount=type=cache,target=/cache \
    python -m venv /opt/uv && /opt/uv/bin/pip install --quiet --cache-dir /cache/pip uv==0.13.9
# Environments know where the project's code will be, and so change with the lock alone.
RUN mkdir -p src/galley && touch README.md LICENSE src/galley/__init__.py
COPY pyproject.toml uv.lock ./
# For every environment: --build-arg EXTRAS="--extra s3" for data and outputs in a bucket.
ARG EXTRAS=""
# Libraries bring their own tests along, which nothing imports.
ENV PRUNE="find .venvs -type d -name tests -path *site-packages* -prune -exec rm -rf {} +"

FROM build AS airflow-environment
ENV UV_PROJECT_ENVIRONMENT=.venvs/airflow
# More of them: --build-arg AIRFLOW_EXTRAS="--extra kubernetes".
ARG AIRFLOW_EXTRAS=""
# The papermill provider asks for pandas and a kernel, and never uses them: notebooks name kernels of other environments.
RUN --mount=type=cache,target=/cache set -f; \
    uv sync --frozen --group stack --extra docker --extra celery $AIRFLOW_EXTRAS $EXTRAS \
      --no-install-package pandas --no-install-package numpy \
      --no-install-package ipykernel --no-install-package debugpy --no-install-package jedi && $PRUNE

FROM build AS data-environment
ENV UV_PROJECT_ENVIRONMENT=.venvs/data
RUN --mount=type=cache,target=/cache set -f; uv sync --frozen --group data $EXTRAS && $PRUNE

FROM build AS workbench-environment
ENV UV_PROJECT_ENVIRONMENT=.venvs/workbench
RUN --mount=type=cache,target=/cache set -f; uv sync --frozen --group server --group lab $EXTRAS && $PRUNE

FROM python:3.13-slim-trixie AS docker-proxy
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends haproxy && rm -rf /var/lib/apt/lists/* /var/cache/apt/*

FROM python:3.13-slim-trixie AS tls-proxy
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends caddy && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY deploy/healthy /usr/local/bin/

FROM base AS data-stage
COPY --from=data-environment /opt/galley/.venvs .venvs
ENV PATH=/opt/galley/.venvs/data/bin:$PATH
COPY pyproject.toml uv.lock galley.toml ./
COPY src src
RUN python -m compileall -q src && galley kernel install data --to .venvs/jupyter
ARG IMAGE_CHECKOUT=""
ENV IMAGE_CHECKOUT=$IMAGE_CHECKOUT
USER 50000:0

FROM base AS workbench
COPY --from=workbench-environment /opt/galley/.venvs .venvs
ENV PATH=/opt/galley/.venvs/workbench/bin:$PATH
RUN install -d -m 2775 -o 50000 -g 0 /mlflow
COPY pyproject.toml uv.lock galley.toml ./
COPY deploy/healthy /usr/local/bin/
COPY src src
RUN python -m compileall -q src && galley kernel install workbench --to .venvs/jupyter
ARG IMAGE_CHECKOUT=""
ENV IMAGE_CHECKOUT=$IMAGE_CHECKOUT
USER 50000:0

FROM base AS airflow
COPY --from=airflow-environment /opt/galley/.venvs .venvs
ENV AIRFLOW_HOME=/opt/airflow \
    PATH=/opt/galley/.venvs/airflow/bin:$PATH
RUN install -d -m 2775 -o 50000 -g 0 /opt/airflow /opt/airflow/logs
COPY pyproject.toml uv.lock galley.toml ./
COPY deploy/healthy /usr/local/bin/
COPY src src
RUN python -m compileall -q src
ARG IMAGE_CHECKOUT=""
ENV IMAGE_CHECKOUT=$IMAGE_CHECKOUT
USER 50000:0

FROM base AS worker
COPY --from=airflow-environment /opt/galley/.venvs .venvs
COPY --from=data-environment /opt/galley/.venvs .venvs
COPY --from=workbench-environment /opt/galley/.venvs .venvs
ENV AIRFLOW_HOME=/opt/airflow \
    PATH=/opt/galley/.venvs/airflow/bin:$PATH
RUN install -d -m 2775 -o 50000 -g 0 /opt/airflow /opt/airflow/logs /scratch && \
    useradd --uid 50001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin kernels
COPY pyproject.toml uv.lock galley.toml ./
COPY deploy/healthy /usr/local/bin/
COPY src src
RUN python -m compileall -q src && \
    for name in data workbench; do .venvs/$name/bin/galley kernel install $name --to .venvs/jupyter; done
ARG IMAGE_CHECKOUT=""
ENV IMAGE_CHECKOUT=$IMAGE_CHECKOUT
USER 50000:0

# Catches the mail of the profile dev; nothing is sent on.
FROM build AS mail-environment
ENV UV_PROJECT_ENVIRONMENT=.venvs/mail
RUN --mount=type=cache,target=/cache uv sync --frozen --only-group mail

FROM base AS mail
COPY --from=mail-environment /opt/galley/.venvs .venvs
ENV PATH=/opt/galley/.venvs/mail/bin:$PATH
RUN install -d -m 2775 -o 50000 -g 0 /mail
USER 50000:0
