#!/bin/sh
# Makes the secrets of docker/compose.yaml by chance; those that are there stay as they are.
# Others on this machine cannot enter the folder; the files themselves are readable, because containers have other users.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
cd secrets
chance() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

test -s postgres_password || chance > postgres_password
test -s grafana_password || chance > grafana_password
test -s service.toml || cat > service.toml <<TOML
db = "postgresql+psycopg://autoprec:$(cat postgres_password)@postgres/autoprec"
admin_token = "$(chance)"
TOML
chmod 0644 postgres_password grafana_password service.toml
