#!/usr/bin/env bash
# Measure the comparison on a GPU by the flow, which needs the whole environment of requirements.txt.
#
#   benchmarks/gpu_flow.sh [PART...]      one or more of:
#
#   trial    SNGAN under setting C for the report's 300 epochs, with its six evaluations
#   grid     the report's six GANs under setting C, three trials at a time
#   shared   one trial on all GPUs of this machine; for several machines add torchrun's --nnodes and --rdzv-endpoint
#
# The text that a part prints goes to OUT/PART.txt as well (OUT=.cache/gpu). TRAIN_ZIP and TEST_ZIP may name CIFAR-10 as
# zips of a folder of images by class; without them the data set is downloaded. A part that fails does not keep the next
# from running. What needs torch and the stages alone is in benchmarks/gpu_stages.sh.
set -uo pipefail
case "${1:-}" in
    -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;;
    -*) echo "error: $1 is unknown; \`benchmarks/gpu_flow.sh --help\` says what there is" >&2 && exit 2 ;;
esac
cd "$(dirname "$0")/.."
out="${OUT:-.cache/gpu}"
mkdir -p "$out"
failed=0

{
    date -u
    nvidia-smi
    git rev-parse HEAD || true
    python -c 'import torch; print(torch.__version__)'
} >"$out/machine.txt" 2>&1

cifar=()
if [[ -n "${TRAIN_ZIP:-}" ]]; then
    mkdir -p "$out/cifar10"
    cp "$TRAIN_ZIP" "$out/cifar10/train.zip"
    cp "$TEST_ZIP" "$out/cifar10/test.zip"
    cifar=(-S prepare.dataset=image_folder -S "prepare.path=$out/cifar10")
fi

part_trial() {
    python -m pipeline.preset report --force &&
        time python -m pipeline.flow run --trials 'sngan-C-0' "${cifar[@]}"
}

part_grid() {
    python -m pipeline.preset report --force &&
        time python -m pipeline.flow run --trials '*-C-0' --trials-per-device 3 "${cifar[@]}" &&
        cp -r report "$out/report"
}

part_shared() {
    time torchrun --standalone --nproc-per-node "$(nvidia-smi --list-gpus | wc -l)" \
        -m stages.train --gan sngan --setting C --seed 0
}

(($# > 0)) || set -- trial grid shared
for part in "$@"; do
    echo "== $part"
    if ! "part_$part" 2>&1 | tee "$out/$part.txt"; then
        echo "== $part: failed"
        failed=1
    fi
done
exit "$failed"
