#!/bin/sh
# Write .env for compose.yaml: who works in this working tree, and passwords that nobody can guess. What it holds stays.
set -eu
case "${1:-}" in
    -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;;
    -*) echo "error: $1 is unknown; \`scripts/make_env_file.sh --help\` says what there is" >&2 && exit 2 ;;
esac
cd "$(dirname "$0")/.."
umask 077
touch .env
chmod 600 .env
# A last line without its end would swallow the first one that is added.
[ -z "$(tail -c 1 .env)" ] || echo >> .env

add() {
    grep -q "^$1=" .env || echo "$1=$2" >> .env
}

make_password() {
    od -An -N 24 -t x1 /dev/urandom | tr -d ' \n'
}

add USER_ID "$(id -u)"
add GROUP_ID "$(id -g)"
# Several machines' workers may log to one MLflow, and are told apart by this name.
add WORKER_NAME "$(uname -n | cut -d . -f 1 | cut -c -50)-worker"
add POSTGRES_PASSWORD "$(make_password)"
# What Prefect's pages ask for.
add SERVER_LOGIN "admin:$(make_password)"
echo "$PWD/.env is complete."
