#!/bin/sh
# secrets.sh [FOLDER [redis|rabbitmq [HOST]]]: makes the secret files that compose.yaml, kubernetes/ and systemd/ name, for
# PostgreSQL, Redis and RabbitMQ beside Rollcall. An existing secret is kept; what is made of it is made again. Keep
# secret_key safe: without it no stored password can be read again. The second word chooses the broker, also another one than
# before; HOST is where the servers are, if not in containers of their own. MODE=0400 makes files for root alone.
set -eu
umask 077
folder=${1:-$(dirname "$0")/secrets} broker=${2:-} host=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
cd "$folder"
services="api collector reconciler relay_client scheduler beat watch flower"
word() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
keep() { [ -s "$1" ] || { printf '%s' "$2" > "$1"; echo "Made $folder/$1"; }; }
write() { chmod u+w "$1" 2>/dev/null || true; cat > "$1"; }
keep secret_key "$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n')"
keep database_password "$(word)"
keep flower_sign_in "admin:$(word)"

# A user and a password of Redis and RabbitMQ for each service; their rights are in broker/.
passwords=
for service in $services; do
  keep "broker_password_$service" "$(word)"
  passwords="$passwords -e s/@$service@/$(cat "broker_password_$service")/g"
done
# shellcheck disable=SC2086 # several words
for name in redis_users rabbitmq_definitions; do
  sed -e '/^#/d' -e ':join' -e '/\\$/{N;s/ *\\\n */ /;b join' -e '}' $passwords "$here/broker/$name" | write $name
done
# Definitions are read each time the node starts.
printf 'definitions.import_backend = local_filesystem\ndefinitions.local.path = /etc/rabbitmq/rollcall.json\n' | write rabbitmq_config

# Earlier versions had one user for all services. Addresses of an external broker are kept.
for name in broker_url result_backend_url; do
  if [ -s $name ]; then
    grep -qE '@?(redis:6379/[01]|rabbitmq//)$' $name || for service in $services; do keep "${name}_$service" "$(cat $name)"; done
    rm -f $name
  fi
done
rm -f redis_password rabbitmq_password rabbitmq_user
for service in $services; do
  password=$(cat "broker_password_$service")
  [ -z "$broker" ] || rm -f "broker_url_$service"
  if [ "$broker" = rabbitmq ]; then
    keep "broker_url_$service" "amqp://$service:$password@${host:-rabbitmq}//"
  else
    keep "broker_url_$service" "redis://$service:$password@${host:-redis}:6379/0"
  fi
  keep "result_backend_url_$service" "redis://$service:$password@${host:-redis}:6379/1"
done
# The containers run as another user than you.
[ "${MODE:-}" ] || chmod 0755 .
chmod "${MODE:-0444}" ./*
echo "Only the owner of this host should be able to enter $folder: chmod 700 the folder above it."
