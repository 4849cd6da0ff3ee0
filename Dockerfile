# An image of the environment and the code. `docker run` runs the comparison; compose.yaml adds servers
# and a worker.
#
#   docker build --tag gan-comparison .                                   a CPU; torch without CUDA
#   docker build --tag gan-comparison --build-arg DEVICE=cuda .           NVIDIA GPUs
#   docker run --rm --hostname comparison --volume "$PWD:/comparison" --user "$(id -u):$(id -g)" gan-comparison
#
# The volume replaces the image's copy of the code by the working tree, which then gets the results and
# caches. With one host name for all of them, a container ends the MLflow runs of one that was killed.

ARG PYTHON=3.12.12

FROM python:${PYTHON}-slim-bookworm AS environment
ARG DEVICE=cpu
ARG UV=0.13.9
RUN pip install --no-cache-dir "uv==${UV}"
WORKDIR /build
COPY requirements.txt constraints.txt ./
# PyPI's torch includes CUDA, 5 GB; for the CPU uv installs torch from PyTorch's own index.
RUN case "${DEVICE}" in \
        cpu) set -- --torch-backend cpu ;; \
        cuda) set -- ;; \
        *) echo "DEVICE=${DEVICE} is unknown; it is cpu or cuda" >&2; exit 1 ;; \
    esac \
    && uv venv /opt/venv \
    # compose.yaml's MLflow server needs psycopg to store its runs in PostgreSQL.
    && uv pip install --no-cache --compile-bytecode --python /opt/venv/bin/python "$@" \
        -c constraints.txt -r requirements.txt "psycopg[binary]"

FROM python:${PYTHON}-slim-bookworm
# Tracking calls Git for the commit of a run. tini passes signals on and reaps orphaned processes. Debian
# deletes old versions of packages, so none is pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 compare \
    && install --directory --owner compare /comparison /state /artifacts \
    # The working tree may belong to another user than the container's.
    && git config --system --add safe.directory /comparison
COPY --from=environment /opt/venv /opt/venv
# The telemetry of the tools is off. HOME is a folder that every user may write to, since some tools
# store files in it. DVC asks for the user's name, which an id without an entry in /etc/passwd lacks.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    USER=compare \
    DVC_NO_ANALYTICS=1 \
    DO_NOT_TRACK=true \
    MLFLOW_DISABLE_TELEMETRY=true \
    PREFECT_SERVER_ANALYTICS_ENABLED=false
WORKDIR /comparison
COPY --chown=compare . .
USER 1000
ENTRYPOINT ["tini", "--"]
CMD ["python", "-m", "pipeline.flow", "run"]
