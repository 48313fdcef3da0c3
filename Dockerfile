# Zhiwen in a container: API, UI and the serving of models. docs/docker.md explains how to run it.

FROM python:3.11-slim-bookworm AS packages
# cuda: the build of PyPI, for NVIDIA GPUs, runs without one too; cpu: 4 GB smaller.
ARG TORCH=cuda
ARG TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_PYTHON=/opt/venv/bin/python
WORKDIR /build
COPY constraints.txt requirements.txt requirements_api.txt requirements_webui.txt ./
# Without pip inside: what runs needs none.
RUN python -m venv --without-pip /opt/venv && \
    case "$TORCH" in \
        cuda) ;; \
        cpu) pip install --no-deps --extra-index-url "$TORCH_CPU_INDEX" \
            "$(grep '^torch==' constraints.txt)+cpu" ;; \
        *) echo "TORCH=$TORCH: must be cuda or cpu" >&2; exit 1 ;; \
    esac && \
    pip install -r requirements.txt

FROM python:3.11-slim-bookworm AS code
WORKDIR /app
# .dockerignore names the few files and folders that this takes.
COPY . .
# Any user may read it, whatever the umask of the checkout was; settings of the volume are found.
RUN chmod -R a+rX,go-w . && python -m compileall -q . && ln -s /data/zhiwen.yaml zhiwen.yaml

FROM python:3.11-slim-bookworm
# tini is process 1: it hands on the signal to stop, and buries what its children leave behind.
# Group 0 may write to the volume, so that any user id works (docker run --user 12345).
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends tini && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* && \
    useradd --uid 10001 --gid 0 --no-create-home --home-dir /data --shell /usr/sbin/nologin zhiwen && \
    install --directory --owner=10001 --group=0 --mode=0770 /data
COPY --from=packages /opt/venv /opt/venv
COPY --from=code /app /app

ENV PATH=/opt/venv/bin:$PATH \
    LANG=C.UTF-8 \
    HOME=/data \
    USER=zhiwen \
    PYTHONDONTWRITEBYTECODE=1 \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    ZHIWEN_PATHS__DATA=/data/knowledge_base \
    ZHIWEN_PATHS__LOGS=/data/logs
ARG VERSION=0.4.0
LABEL org.opencontainers.image.title="Zhiwen 知问" \
      org.opencontainers.image.description="Local, private question answering over your own documents, with checkable citations" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
WORKDIR /app
USER 10001:0
VOLUME /data
# 8501: the UI, all that a person needs; 7861: the REST API.
EXPOSE 8501 7861
# The UI is as ready as the API behind it. Through no proxy, whatever the environment says.
HEALTHCHECK --interval=30s --timeout=10s --start-period=2m --retries=3 \
    CMD ["python", "-ISc", "from urllib.request import *; build_opener(ProxyHandler({})).open('http://127.0.0.1:8501/readyz', timeout=8)"]
ENTRYPOINT ["tini", "--"]
CMD ["python", "startup.py", "-a", "--host", "0.0.0.0"]
