#!/bin/sh
# secrets.sh [FOLDER]: makes the secret files that compose.yaml and kubernetes/ name, for PostgreSQL and Redis beside
# Rollcall. A file that exists is left as it is. Keep secret_key safe: without it no stored password can be read again.
set -eu
umask 077
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
cd "$folder"
word() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
keep() { [ -s "$1" ] || { printf '%s' "$2" > "$1"; echo "Made $folder/$1"; }; }
keep secret_key "$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n')"
keep database_password "$(word)"
# Redis of earlier versions had no password.
grep -qs '^redis://redis:6379/0$' broker_url && rm -f broker_url
grep -qs '^redis://redis:6379/1$' result_backend_url && rm -f result_backend_url
keep redis_password "$(word)"
# Whoever does not sign in may ask whether it is alive. Rollcall may do all but administer the server.
keep redis_users "$(printf 'user default on nopass resetkeys resetchannels -@all +ping\nuser rollcall on >%s ~* &* +@all -@admin -@dangerous +info\n_' "$(cat redis_password)" | sed '$d')
"
keep broker_url "redis://rollcall:$(cat redis_password)@redis:6379/0"
keep result_backend_url "redis://rollcall:$(cat redis_password)@redis:6379/1"
keep flower_sign_in "admin:$(word)"
keep rabbitmq_password "$(word)"
# RabbitMQ's image takes no password from a file (since 3.9); this is a piece of its configuration.
keep rabbitmq_user "$(printf 'default_user = rollcall\ndefault_pass = %s' "$(cat rabbitmq_password)")
"
# The containers' user is another one than yours.
chmod 0755 .
chmod 0444 ./*
echo "Only the owner of this host should be able to enter $folder: chmod 700 the folder above it."
