# The service: the store's drivers, the HTTP interface and the dashboard. It holds no torch.
#   docker build -f docker/service.Dockerfile -t autoprec-service .
#   docker run -d -p 8321:8321 -v autoprec:/var/lib/autoprec -v ./token:/run/secrets/token:ro \
#     -e AUTOPREC_ADMIN_TOKEN_FILE=/run/secrets/token autoprec-service
# On PostgreSQL, with agents, Prometheus and Grafana: docker/compose.yaml.
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY sdk sdk
COPY probe probe
COPY runner runner
COPY service service
COPY dashboards dashboards
RUN python -m venv /opt/autoprec \
    && /opt/autoprec/bin/python -m pip install --no-cache-dir --constraint constraints.txt '.[service,postgres,opentelemetry]'

FROM python:3.11.13-slim-bookworm
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin autoprec \
    && install --directory --owner=autoprec --group=autoprec --mode=0700 /var/lib/autoprec
COPY --from=build /opt/autoprec /opt/autoprec
# The store is a file below XDG_DATA_HOME, unless AUTOPREC_DB or the file of AUTOPREC_CONFIG names a database.
ENV XDG_DATA_HOME=/var/lib AUTOPREC_HOST=0.0.0.0 AUTOPREC_PORT=8321 AUTOPREC_LOG_FORMAT=json \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
VOLUME /var/lib/autoprec
EXPOSE 8321
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["/opt/autoprec/bin/python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8321/readyz', timeout=4)"]
ENTRYPOINT ["/opt/autoprec/bin/autoprec", "serve"]
