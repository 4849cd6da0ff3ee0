#!/usr/bin/env bash
# Measure the training on a GPU where only the stages and torch are installed: no DVC, MLflow or Prefect, no network.
#
#   benchmarks/gpu_stages.sh PART...      the parts, in the order of docs/gpu.md:
#
#   smoke    the card; normalisers on it against a CPU
#   tests    captured updates give the bytes of single ones, in both precisions
#   limits   operations a second of whole updates, beside the card's peak and its products
#   tables   images a second, ours beside plain PyTorch, launched singly and captured
#   trials   one, two and four trainings at once on the card
#   data     CIFAR-10 from TRAIN_ZIP and TEST_ZIP, folders of images by class, and the classifier that scores
#   train    SNGAN under setting C, TRAIN_STEPS generator steps; when called again it resumes
#   scores   its samples and their scores
#   grid     the six GANs under setting C, seeds 0 to 2, GRID_STEPS generator steps each, all 18 at once, with scores;
#            GANs that share a card are faster under NVIDIA's MPS: start it before, by nvidia-cuda-mps-control -d
#
# A part that fails or is stopped does not keep the next from running. All parts of a call together end within LIMIT
# seconds. The text that a part prints goes to OUT/PART.txt as well.
#
# Variables, with their defaults: OUT=.cache/gpu/out LIMIT=530 DEVICE=cuda TRAIN_STEPS=234300 GRID_STEPS=5000;
# TRAIN_ZIP and TEST_ZIP may each name several files, which are joined; WORK=.cache/gpu/work is where the stages run;
# TINY=1 makes every part so small that a CPU does it in a minute.
set -uo pipefail
case "${1:-}" in
    -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;;
    -*) echo "error: $1 is unknown; \`benchmarks/gpu_stages.sh --help\` says what there is" >&2 && exit 2 ;;
esac
cd "$(dirname "$0")/.."
root="$PWD"
device="${DEVICE:-cuda}" limit="${LIMIT:-530}" tiny="${TINY:-}"
out="$(realpath -m "${OUT:-.cache/gpu/out}")" work="$(realpath -m "${WORK:-.cache/gpu/work}")"
mkdir -p "$out" "$work"
export PYTHONUNBUFFERED=1 PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" CUBLAS_WORKSPACE_CONFIG=:4096:8
failed=0

fast=(--device "$device" --seconds 1 --rounds 3)
if [[ -n "$tiny" ]]; then
    fast=(--device "$device" --seconds 0.01 --rounds 1 --width 2 --batch-size 2 --threads 1)
fi

# Runs a part in what is left of the time, and says how it ended.
run_part() {
    local part="$1" start=$SECONDS left=$((limit - SECONDS)) code
    echo "== $part"
    if ((left < 5)); then
        echo "== $part: no time left of $limit s"
        failed=1
        return
    fi
    LEFT="$left" timeout --kill-after=10 "$left" "$root/benchmarks/gpu_stages.sh" run "$part" 2>&1 | tee "$out/$part.txt"
    code=${PIPESTATUS[0]}
    if ((code != 0)); then
        failed=1
    fi
    case "$code" in
        0) echo "== $part: done in $((SECONDS - start)) s" ;;
        124 | 137) echo "== $part: stopped after $((SECONDS - start)) s" ;;
        *) echo "== $part: failed with exit code $code after $((SECONDS - start)) s" ;;
    esac
}

# Runs a stage in the work folder, which has the code where a stage expects it.
stage() {
    (cd "$work" && python -m "stages.$1" "${@:2}")
}

# Runs a training that is stopped early enough for what comes after it in its part.
train_within() {
    local seconds="$1" gan="$2" seed="$3"
    (cd "$work" && timeout "$((seconds < 1 ? 1 : seconds))" python -m stages.train --gan "$gan" --setting C --seed "$seed")
}

# Generates a trial's samples and scores them.
score() {
    stage sample --gan "$1" --setting C --seed "$2" && stage evaluate --gan "$1" --setting C --seed "$2"
}

# Prints how far all trials are, and their scores.
print_trials() {
    (cd "$work" && python "$root/benchmarks/trials_table.py")
}

# Writes params.yaml: the report's protocol with its papers' settings, on these images, scored by the embedded classifier.
write_params() {
    local changes=(
        prepare.dataset=image_folder prepare.path=images extractor.name=classifier "compute.device=$device"
        extractor.classifier.epochs=10 extractor.classifier.width=32 extractor.classifier.minimum_test_accuracy=0.5
    )
    if [[ -n "$tiny" ]]; then
        changes+=(
            prepare.train_limit=600 prepare.test_limit=200 networks.width=2 networks.z_dimension=8 train.batch_size=8
            extractor.classifier.epochs=4 extractor.classifier.minimum_test_accuracy=0.0 sample.sample_count=100
            extractor.classifier.width=8 extractor.classifier.feature_dimension=16 extractor.classifier.batch_size=32 scores.splits=2
            scores.compared_count=60 scores.kid_subset_size=20 scores.kid_subsets=5 train.log_every_generator_steps=1
        )
    fi
    ln -sfn "$root/stages" "$work/stages"
    python "$root/benchmarks/compose_params.py" report_corrected "${changes[@]}" "$@" >"$work/params.yaml"
}

part_smoke() {
    command -v nvidia-smi >/dev/null && nvidia-smi
    python -c 'import sys, torch; print(sys.version, torch.__version__, torch.cuda.is_available())' &&
        python -m pytest tests/networks/test_normalisers.py -rs -p no:cacheprovider
}

part_tests() {
    python -m pytest tests/train/test_cuda_graphs.py -x -rs -p no:cacheprovider
}

part_limits() {
    python benchmarks/training.py limit "${fast[@]}"
}

part_tables() {
    local code=0 gan
    for gan in sngan wgan_gp batch_norm; do
        python benchmarks/training.py gans --gan "$gan" "${fast[@]}" || code=1
    done
    python benchmarks/training.py standard "${fast[@]}" || code=1
    return "$code"
}

part_trials() {
    python benchmarks/training.py trials "${fast[@]}"
}

part_data() {
    mkdir -p "$work/images"
    # Each may be several files, of a zip that was cut into parts.
    # shellcheck disable=SC2086
    cat $TRAIN_ZIP >"$work/images/train.zip" && cat $TEST_ZIP >"$work/images/test.zip" &&
        write_params && stage prepare && stage extractor && stage reference
}

part_train() {
    write_params "train.generator_steps=${TRAIN_STEPS:-234300}" train.evaluation_points=6 &&
        train_within "$((LEFT - 20))" sngan 0
    local code=$?
    print_trials
    return "$code"
}

part_scores() {
    write_params "train.generator_steps=${TRAIN_STEPS:-234300}" train.evaluation_points=6 && score sngan 0 && print_trials
}

part_grid() {
    local code=0 gan seed pid pids=()
    write_params "train.generator_steps=${GRID_STEPS:-5000}" train.evaluation_points=5 || return 1
    # The slowest GAN is the first, because it is the last to end.
    for gan in wgan_gp sngan ebgan layer_norm began batch_norm; do
        for seed in 0 1 2; do
            (train_within "$((LEFT - 60))" "$gan" "$seed" && score "$gan" "$seed") &
            pids+=($!)
        done
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || code=1
    done
    print_trials
    return "$code"
}

parts=(smoke tests limits tables trials data train scores grid)
if [[ "${1:-}" == run ]]; then
    "part_$2"
    exit
fi
if (($# == 0)); then
    echo "error: name one or more parts of ${parts[*]}" >&2
    exit 2
fi
for part in "$@"; do
    if [[ " ${parts[*]} " != *" $part "* ]]; then
        echo "error: the part $part is unknown; there is ${parts[*]}" >&2
        exit 2
    fi
done
for part in "$@"; do
    run_part "$part"
done
exit "$failed"
