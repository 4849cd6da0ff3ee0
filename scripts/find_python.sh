#!/usr/bin/env bash
# Print the interpreter to use: $PYTHON if it is set, else the first of python3.13, 3.12, 3.11 and python3
# that runs and has a version for which constraints.txt was resolved.
set -u
case "${1:-}" in
    -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;;
    -*) echo "error: $1 is unknown; \`scripts/find_python.sh --help\` says what there is" >&2 && exit 2 ;;
esac
fits='import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'
for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
    if "$candidate" -c "$fits" >/dev/null 2>&1; then
        command -v "$candidate"
        exit 0
    fi
done
echo "error: ${PYTHON:-no interpreter found here} is not Python 3.11, 3.12 or 3.13." \
    "Install one of them, or name it: make PYTHON=/path/to/python3.12 ..." >&2
exit 1
