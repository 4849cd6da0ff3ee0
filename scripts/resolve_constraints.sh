#!/usr/bin/env bash
# Resolve all versions, direct and transitive, for all supported interpreters and systems, and write them
# to constraints.txt.
set -eu
case "${1:-}" in
    -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;;
    -*) echo "error: $1 is unknown; \`scripts/resolve_constraints.sh --help\` says what there is" >&2 && exit 2 ;;
esac
workspace="$(mktemp -d)"
trap 'rm -rf "$workspace"' EXIT
python -m venv "$workspace/venv"
"$workspace/venv/bin/pip" install --quiet --disable-pip-version-check uv
"$workspace/venv/bin/uv" pip compile requirements-benchmarks.txt requirements-cluster.txt \
    scripts/versions.in \
    --universal --python-version 3.11 --upgrade --no-annotate --no-header --no-emit-index-url --quiet \
    --output-file "$workspace/constraints.txt"
{
    echo "# Every version, direct and transitive, for Python 3.11 to 3.13 on Linux and macOS."
    echo "# Made by \`make constraints\` from requirements-{benchmarks,cluster}.txt and scripts/versions.in; do not edit."
    cat "$workspace/constraints.txt"
} > "$workspace/final.txt"
mv "$workspace/final.txt" constraints.txt
