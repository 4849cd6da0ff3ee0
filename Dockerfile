# The environment and the code: `docker run` runs the main job, compose.yaml adds servers and a worker.
#
#   docker build --tag gan-comparison .                                   a CPU; torch without CUDA
#   docker build --tag gan-comparison --build-arg DEVICE=cuda .           NVIDIA GPUs
#   docker run --rm --volume "$PWD:/comparison" --user "$(id -u):$(id -g)" gan-comparison
#
# With the working tree in the place of the image's own copy, as above, results and caches land in it.

ARG PYTHON=3.12.12

FROM python:${PYTHON}-slim-bookworm AS environment
ARG DEVICE=cpu
ARG UV=0.13.9
RUN pip install --no-cache-dir "uv==${UV}"
WORKDIR /build
COPY requirements.txt constraints.txt ./
# The registry's torch is the one with CUDA, 5 GB; uv knows where the one without it is.
RUN case "${DEVICE}" in \
        cpu) set -- --torch-backend cpu ;; \
        cuda) set -- ;; \
        *) echo "DEVICE=${DEVICE} is unknown; it is cpu or cuda" >&2; exit 1 ;; \
    esac \
    && uv venv /opt/venv \
    # psycopg is for the MLflow server that keeps its runs in PostgreSQL.
    && uv pip install --no-cache --compile-bytecode --python /opt/venv/bin/python "$@" \
        -c constraints.txt -r requirements.txt "psycopg[binary]"

FROM python:${PYTHON}-slim-bookworm
# Git names the commit in every MLflow run. Debian removes old versions of packages, so that one cannot be pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 compare \
    && install --directory --owner compare /comparison /state /artifacts \
    # The working tree may belong to another user than the one in the container.
    && git config --system --add safe.directory /comparison
COPY --from=environment /opt/venv /opt/venv
# No tool that we start reports to anyone. A home that any user may write to, for tools that keep something there.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    DVC_NO_ANALYTICS=1 \
    DO_NOT_TRACK=true \
    MLFLOW_DISABLE_TELEMETRY=true \
    PREFECT_SERVER_ANALYTICS_ENABLED=false
WORKDIR /comparison
COPY --chown=compare . .
USER 1000
CMD ["python", "-m", "pipeline.flow", "run"]
