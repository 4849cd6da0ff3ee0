#!/usr/bin/env bash
# Install the pinned versions into the environment of $PYTHON. `cpu` installs PyTorch's build without CUDA, which is not on
# PyPI but on PyTorch's own index; uv, of version $UV, knows where that is.
set -eu
case "${1:-}" in
    -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;;
    -*) echo "error: $1 is unknown; \`scripts/install.sh --help\` says what there is" >&2 && exit 2 ;;
esac
options=(-c constraints.txt -r requirements-dev.txt)
if [ "${1:-}" != cpu ]; then
    exec "$PYTHON" -m pip install --quiet --disable-pip-version-check "${options[@]}"
fi
"$PYTHON" -m pip install --quiet --disable-pip-version-check "uv==$UV"
if ! "$PYTHON" -m uv pip install --quiet --python "$PYTHON" --torch-backend cpu "${options[@]}"; then
    echo "error: the build without CUDA was not installed; where PyTorch's index cannot be reached," \
        "\`make setup\` installs the one of PyPI" >&2
    exit 1
fi
