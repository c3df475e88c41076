# The runner: everything that trials need, torch included, to measure workloads where the accelerators are.
#   docker build -f docker/runner.Dockerfile -t autoprec-runner .
#   docker run --rm --gpus all -v "$PWD":/work:ro -e AUTOPREC_URL=https://autoprec.example.org \
#     autoprec-runner suggest train.py:workload
# Torch is the build that the package index has for this platform; for another one name an index that has it:
#   docker build --build-arg PIP_EXTRA_INDEX_URL=https://... -f docker/runner.Dockerfile -t autoprec-runner .
FROM python:3.11.13-slim-bookworm AS build
ARG PIP_EXTRA_INDEX_URL=
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY sdk sdk
COPY probe probe
COPY runner runner
COPY service service
COPY dashboards dashboards
RUN python -m venv /opt/autoprec \
    && /opt/autoprec/bin/python -m pip install --no-cache-dir --constraint constraints.txt '.[torch]'

FROM python:3.11.13-slim-bookworm
# Compiled candidates need a compiler. Debian keeps only the latest build of a version, so that none can be pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /var/lib/autoprec --shell /usr/sbin/nologin autoprec \
    && install --directory --owner=autoprec --group=autoprec --mode=0700 /var/lib/autoprec
COPY --from=build /opt/autoprec /opt/autoprec
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility HOME=/var/lib/autoprec \
    AUTOPREC_DB=/var/lib/autoprec/autoprec.db PYTHONUNBUFFERED=1
USER 10001:10001
VOLUME /var/lib/autoprec
WORKDIR /work
# Whether the machine can still be read: a device that fell off the bus is told here, too.
HEALTHCHECK --interval=300s --timeout=30s --start-period=60s CMD ["/opt/autoprec/bin/autoprec", "probe", "--json"]
ENTRYPOINT ["/opt/autoprec/bin/autoprec"]
CMD ["--help"]
