#!/bin/bash
# build-and-run.sh: builds both images of deploy/Dockerfile and runs every process of compose.yaml in containers as confined as
# there: a whole run against the sandboxes, every health check, every end. For maintainers, as root on Debian:
#   apt-get install --no-install-recommends buildah podman runc catatonit debootstrap redis-server postgresql python3-yaml
#   bash tests/images/build-and-run.sh
# Takes three minutes. Where the base image cannot be pulled, debootstrap makes one that stands in for it and stays under its name
# (podman rmi). Ports 8800 and 5555 of 127.0.0.1 must be free. BUILD_OPTIONS are given to the builds, CONTAINERS_CONF is podman's own.
set -euo pipefail
cd "$(dirname "$0")/../.."
base=docker.io/library/python:3.11-slim-bookworm image=localhost/rollcall-test work=$(mktemp -d)
redis_port=46379 postgresql_port=45432
export DISABLE_HC_SYSTEMD=true
services="api collector reconciler relay-client scheduler beat watch flower"
step() { echo "== $*"; }; fail() { echo "FAILED: $*"; exit 1; }
clean() {
  for name in $services sandbox-directory sandbox-phones; do podman rm -f -t 1 "rollcall-test-$name" >/dev/null 2>&1 || true; done
  podman volume rm rollcall-test >/dev/null 2>&1 || true
  for pid in "$work"/*.pid; do [ -e "$pid" ] && kill "$(head -n 1 "$pid")"; done; sleep 1; rm -rf "$work"
}
trap clean EXIT

if ! podman image exists $base && ! podman pull -q $base 2>/dev/null; then
  step "making a stand-in for $base"
  debootstrap --variant=minbase --include=ca-certificates,python3,python3-pip,python3-venv bookworm "$work/base" >/dev/null
  # As in the official image: pip may install, apt keeps nothing.
  ln -s python3 "$work/base/usr/bin/python"; rm -f "$work"/base/usr/lib/python3*/EXTERNALLY-MANAGED "$work"/base/var/cache/apt/archives/*.deb
  cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/"
  echo 'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";' > "$work/base/etc/apt/apt.conf.d/no-caches"
  tar -C "$work/base" -c . | podman import -q --change 'CMD ["python3"]' - $base >/dev/null
  rm -rf "$work/base"
fi
for target in rollcall rollcall-sqlserver; do
  step "building $target"
  buildah bud --build-arg PYTHON=${base##*:} --layers --pull-never --isolation chroot --format docker --network host ${BUILD_OPTIONS:-} --target $target \
    --file deploy/Dockerfile --tag "$image:$target" . >"$work/build.log" 2>&1 || { tail -n 20 "$work/build.log"; fail "the build"; }
  podman image inspect --format '{{.Size}} bytes' "$image:$target"
done
target=rollcall
step "starting Redis and PostgreSQL"
mkdir "$work/data"; chmod 0755 "$work"; chown nobody "$work/data"
programs=$(dirname "$(find /usr/lib/postgresql -name initdb | sort | tail -n 1)")
sh deploy/secrets.sh "$work/secrets" >/dev/null
as_nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; }
as_nobody "$programs/initdb" -D "$work/data/db" -U rollcall -E UTF8 --locale=C -A scram-sha-256 \
  --pwfile="$work/secrets/database_password" >/dev/null
(cd "$work/data" && as_nobody "$programs/pg_ctl" -D db -w -l "$work/data/log" -o "-p $postgresql_port -k $work/data -h 127.0.0.1" start) >/dev/null
ln -s data/db/postmaster.pid "$work/postgresql.pid"
PGPASSWORD=$(cat "$work/secrets/database_password") "$programs/createdb" -h 127.0.0.1 -p $postgresql_port -U rollcall rollcall
(cd "$work" && exec redis-server --bind 127.0.0.1 --port $redis_port --aclfile "$work/secrets/redis_users" --save '' --daemonize yes --pidfile "$work/redis.pid" >/dev/null)
sed -i "s/redis:6379/127.0.0.1:$redis_port/" "$work"/secrets/broker_url_* "$work"/secrets/result_backend_url_*

# of_compose SERVICE PART: its command, check, memory, secrets or environment in compose.yaml.
of_compose() { python3 - "$1" "$2" <<'PYTHON'
import re, shlex, sys, yaml
text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", open("deploy/compose.yaml").read())
service = yaml.safe_load(text)["services"][sys.argv[1]]
kind, *test = service.get("healthcheck", {}).get("test", ["CMD"])
print({
    "check": shlex.join(["sh", "-c", test[0].replace("$$", "$")] if kind == "CMD-SHELL" else test),
    "memory": service["mem_limit"],
    "secrets": "\n".join(f"{item} {item}" if isinstance(item, str) else f"{item['source']} {item['target']}" for item in service["secrets"]),
    "command": shlex.join(service["command"]),
    "environment": "\n".join(f"{key}={value}" for key, value in service["environment"].items() if value is not None),
}[sys.argv[2]])
PYTHON
}
confined="--network host --init --read-only --tmpfs /tmp:size=64m --cap-drop ALL --security-opt no-new-privileges --pids-limit 200 --volume rollcall-test:/data"
run() { # run SERVICE OPTIONS... -- COMMAND...
  local service=$1 options=(); while shift && [ "$1" != -- ]; do options+=("$1"); done; shift
  of_compose "$service" environment | sed "s/@postgresql/@127.0.0.1:$postgresql_port/; s/0\.0\.0\.0/127.0.0.1/" > "$work/env"
  mkdir -p "$work/run/$service"
  of_compose "$service" secrets | while read -r source target; do cp "$work/secrets/$source" "$work/run/$service/$target"; done
  podman run $confined --volume "$work/run/$service:/run/secrets:ro" --env-file "$work/env" --memory "$(of_compose "$service" memory)" "${options[@]}" "$image:$target" "$@"
}
inside() { podman exec "rollcall-test-$1" "${@:2}"; }
well() { eval "podman exec rollcall-test-$1 $(of_compose "$1" check)" >/dev/null 2>&1; }
step "migrating, then starting $services"
run migrate --rm -- migrate
for service in $services; do
  eval "run $service --detach --name rollcall-test-$service -- $(of_compose "$service" command)" >/dev/null
done
for service in $services; do
  for ((tries = 60; ; tries--)); do well "$service" && break; [ $tries -gt 0 ] || fail "$service is not healthy"; sleep 1; done
  echo "$service is healthy"
done
! inside api sh -c 'touch /x /opt/rollcall/x /run/secrets/x' 2>/dev/null || fail "the file system can be written"
[ "$(inside api id -u)" = 10001 ] || fail "the user"
! inside beat sh -c "rm /tmp/alive; $(of_compose beat check)" 2>/dev/null || fail "a beat without a sign of life is healthy"
curl -fsS http://127.0.0.1:8800/console/sign-in | grep -q '<title>Sign in' || fail "the sign-in page"
step "a whole run of 300 people"
run api --detach --name rollcall-test-sandbox-directory -- sandbox directory --people 300 >/dev/null
run api --detach --name rollcall-test-sandbox-phones -- sandbox phone-system --extensions 5 >/dev/null
for name in directory phones; do
  until podman logs "rollcall-test-sandbox-$name" 2>/dev/null | grep '^{' > "$work/$name.json"; do sleep 1; done
done
python3 - "$work" <<'PYTHON' | podman exec -i rollcall-test-api rollcall settings apply - >/dev/null
import json, sys
ad, phones = (json.load(open(f"{sys.argv[1]}/{name}.json")) for name in ("directory", "phones"))
directory = {key: ad[key] for key in ("tls_name", "ca_certificate", "user", "password")}
directory |= {"servers": [ad["url"].split("//")[1]], "units": [{"dn": unit} for unit in ad["units"]]}
print(json.dumps({"directory": directory, "phone_system": {key: phones[key] for key in phones if key != "pid"}}))
PYTHON
said=$(inside api rollcall run --wait 2>&1) && fail "the first plan was not held"
inside api rollcall approve 1 --hash "$(sed -nE 's/.*--hash ([0-9a-f]+).*/\1/p' <<<"$said")" --wait >/dev/null
inside api rollcall run --wait --json | grep -oE '"state": ?"in_step"' || fail "the second run found something to do"
inside api rollcall doctor | tail -n 3
step "ending them"
for service in $services; do
  SECONDS=0; podman stop -t 90 "rollcall-test-$service" >/dev/null
  code=$(podman inspect --format '{{.State.ExitCode}}' "rollcall-test-$service")
  [ "$code" = 0 ] || fail "$service ended with $code"
  echo "$service ended within $SECONDS s"
  [ "$service" != api ] || ! eval "inside flower $(of_compose api check)" 2>/dev/null || fail "an API that is not there is healthy"
done
step "the image for SQL Server"
podman run --rm --entrypoint odbcinst $image:rollcall-sqlserver -q -d | grep -x '\[FreeTDS\]' || fail "no driver"
target=rollcall-sqlserver
said=$(run api --rm --env ROLLCALL_DATABASE_URL=mssql+pyodbc://rollcall@127.0.0.1:9/rollcall -- doctor 2>&1 || true)
[[ $said == *"Nothing listens for the database"* ]] || fail "$said"
echo "All is well."
