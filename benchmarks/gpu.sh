#!/usr/bin/env bash
# Everything about training that has to be measured on a GPU, in one go: benchmarks/gpu.sh [FOLDER]
# Writes one text file a section to FOLDER (default: .cache/gpu). TRAIN_ZIP and TEST_ZIP may name CIFAR-10 as zips of one
# folder of pictures a class; without them the data set is downloaded. The whole takes some hours; SECTIONS picks from it:
#   SECTIONS="tests speed" benchmarks/gpu.sh
set -euo pipefail
cd "$(dirname "$0")/.."
out="${1:-.cache/gpu}"
mkdir -p "$out"
sections="${SECTIONS:-tests speed trials trial grid shared}"

note() { echo "== $*"; }
wants() { [[ " $sections " == *" $1 "* ]]; }
{ date -u; nvidia-smi; git rev-parse HEAD; python -c 'import torch; print(torch.__version__)'; } > "$out/machine.txt"

if wants tests; then
    note "bit-identity of repeated, resumed and captured trainings on the GPU"
    python -m pytest tests/train -q | tee "$out/tests.txt"
fi

if wants speed; then
    for section in gans report standard mimicry options limit large profile; do
        note "$section"
        python benchmarks/training.py "$section" --device cuda --seconds 10 | tee "$out/$section.txt"
    done
fi

if wants trials; then
    note "several trials at once on one GPU"
    python benchmarks/training.py trials --device cuda | tee "$out/trials.txt"
fi

cifar=()
if [[ -n "${TRAIN_ZIP:-}" ]]; then
    folder="$out/cifar10"
    mkdir -p "$folder/train" "$folder/test"
    python -m zipfile -e "$TRAIN_ZIP" "$folder/train"
    python -m zipfile -e "$TEST_ZIP" "$folder/test"
    cifar=(-S prepare.dataset=image_folder -S "prepare.path=$folder")
fi

if wants trial; then
    note "one whole 300-epoch SNGAN trial with its six evaluations; the target is 8 minutes"
    python -m pipeline.preset report --force
    time python -m pipeline.flow run --trials 'sngan-C-0' -S train.cuda_graphs=true "${cifar[@]}" | tee "$out/trial.txt"
fi

if wants grid; then
    note "the report's grid at setting C, three trials at a time"
    python -m pipeline.preset report --force
    time python -m pipeline.flow run --trials '*-C-0' --trials-per-device 3 -S train.cuda_graphs=true "${cifar[@]}" |
        tee "$out/grid.txt"
    cp -r report "$out/report"
fi

if wants shared; then
    count="$(nvidia-smi --list-gpus | wc -l)"
    note "one trial on $count GPUs; on several machines add torchrun's --nnodes and --rdzv-endpoint"
    time torchrun --standalone --nproc-per-node "$count" -m stages.train --gan sngan --setting C --seed 0 |
        tee "$out/shared.txt"
fi
