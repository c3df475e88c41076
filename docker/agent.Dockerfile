# The agent alone: no torch, and of autoprec's dependencies only those that the probe needs.
#   docker build -f docker/agent.Dockerfile -t autoprec-agent .
#   docker run --rm autoprec-agent --once
#   docker run -d --gpus all -e AUTOPREC_URL=https://autoprec.example.org -v autoprec-spool:/var/lib/autoprec \
#     -v ./token:/run/secrets/token:ro autoprec-agent --token-file /run/secrets/token --name "$(hostname)"
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY sdk sdk
COPY probe probe
COPY runner runner
COPY service service
COPY dashboards dashboards
RUN python -m venv /opt/autoprec \
    && /opt/autoprec/bin/python -m pip install --no-cache-dir --constraint constraints.txt archspec nvidia-ml-py platformdirs pydantic \
    && /opt/autoprec/bin/python -m pip install --no-cache-dir --no-deps .

FROM python:3.11.13-slim-bookworm
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin autoprec \
    && install --directory --owner=autoprec --group=autoprec --mode=0700 /var/lib/autoprec
COPY --from=build /opt/autoprec /opt/autoprec
# NVIDIA's container toolkit mounts NVML where it sees these.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=utility PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
VOLUME /var/lib/autoprec
HEALTHCHECK --interval=60s --timeout=5s --start-period=30s \
    CMD ["/bin/sh", "-c", "test -n \"$(find /var/lib/autoprec -name alive -mmin -3)\""]
ENTRYPOINT ["/opt/autoprec/bin/python", "-m", "autoprec_probe.agent", "--spool", "/var/lib/autoprec"]
