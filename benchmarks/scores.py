"""Compare our scores with those of pytorch-fid, torch-fidelity and torchmetrics: time, memory and agreement.

    pip install -c constraints.txt -r requirements-benchmarks.txt
    python benchmarks/scores.py formula                       # Frechet distance of 2048 features
    python benchmarks/scores.py compared --counts 1000 5000   # KID, precision, CMMD and so on, of features
    python benchmarks/scores.py features                      # images a second through InceptionV3
    python benchmarks/scores.py end-to-end --images 6000      # from uint8 images to IS and FID, each in its process

All networks hold one random state dict (benchmarks/inception_weights.py). Timings are interleaved; medians are
printed with ratios to ours. Run it on a quiet machine; it prints the load average at its start.
"""

import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import score_baselines as baselines  # noqa: E402 - it lies beside this file
from benchmarks.feature_scores import list_installed, make_jobs  # noqa: E402
from benchmarks.inception_weights import draw_images, make_weights  # noqa: E402
from benchmarks.interleaved import BenchmarkProcess, Work  # noqa: E402
from stages.common.cli import run_command  # noqa: E402
from stages.common.command_line import CommandParser  # noqa: E402
from stages.common.compute import keep_freed_memory  # noqa: E402
from stages.scores.frechet import compute_frechet_distance  # noqa: E402

COUNTS = (1000, 6000, 50000)
COMPARED_COUNTS = (1000, 5000)
SIDE = 32
# Seconds between two jobs: a library's threads spin for a while after its work, and would slow the next library down.
REST = 0.3
OURS = "ours"
OWN = (OURS, baselines.BF16)
PEER = "pytorch-fid"


def describe_machine() -> str:
    """Describe the machine that the figures are measured on."""
    flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").exists() else []
    known = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return (
        f"{os.cpu_count()} cores ({' '.join(known) or 'unknown flags'}), torch {torch.__version__}, numpy "
        f"{np.__version__}, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}; "
        f"{time.strftime('%Y-%m-%d')}"
    )


def measure(jobs: Mapping[str, Callable[[], Any]], repeats: int) -> tuple[dict[str, float], dict[str, Any]]:
    """Run jobs, interleaved; return the median seconds and the last result of each."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    results = {}
    for _ in range(repeats):
        for name, job in jobs.items():
            time.sleep(REST)
            start = time.perf_counter()
            results[name] = job()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}, results


def draw_features(count: int, seed: int, dimension: int = baselines.FEATURES) -> NDArray[np.float32]:
    """Draw features float32 [N, D] whose variances fall as those of a trained network's do, by a power."""
    random = np.random.default_rng(seed)
    deviations = 1.0 / np.sqrt(1.0 + np.arange(dimension)) * (1.0 + 0.2 * random.random(dimension))
    features = random.standard_normal((count, dimension), dtype=np.float32) * deviations.astype(np.float32)
    # A reflection mixes the features, so that none differs from the others.
    axis = np.ones(dimension, dtype=np.float32) / np.float32(np.sqrt(dimension))
    reflected: NDArray[np.float32] = features - 2.0 * np.outer(features @ axis, axis) + np.float32(0.4)
    return reflected


def run_formula(count: int, repeats: int) -> None:
    """Time the moments and the distance separately, for one number of images."""
    first, second = (draw_features(count, seed) for seed in range(2))
    gathering: dict[str, Callable[[], Any]] = {
        OURS: partial(baselines.compute_moments, first),
        "np.cov": partial(baselines.compute_statistics, first),
    }
    times, _ = measure(gathering, repeats)
    print(f"n = {count}, moments: " + _list_times(times))
    ours = [baselines.compute_moments(features) for features in (first, second)]
    theirs = [baselines.compute_statistics(features) for features in (first, second)]
    installed = list_installed()
    jobs = {
        name: partial(distance, *theirs) for name, distance in baselines.DISTANCES.items() if installed[name]
    }
    times, distances = measure({OURS: partial(compute_frechet_distance, *ours), **jobs}, repeats)
    print(f"n = {count}, distance: " + _list_times(times))
    print("  relative difference to ours: " + _list_differences(distances), flush=True)


def run_compared(count: int, repeats: int) -> None:
    """Time the scores that compare features, for one number of images, and print which of ours are slower."""
    slower = []
    for title, jobs in make_jobs(count, draw_features).items():
        times, values = measure(jobs, repeats)
        print(
            f"n = {count}, {title}: {_list_times(times)}{'' if len(times) > 1 else ', no installed library has it'}"
        )
        if len(times) > 1:
            print("  relative difference to ours: " + _list_differences(values), flush=True)
        slower += [f"{title} than {name}" for name, seconds in times.items() if seconds < times[OURS]]
    print(f"n = {count}: ours is {'slower: ' + ', '.join(slower) if slower else 'never slower'}", flush=True)


def _list_times(times: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f} s (x{value / times[OURS]:.1f})" for name, value in times.items())


def _list_differences(values: Mapping[str, float]) -> str:
    ours = values[OURS]
    return ", ".join(f"{name} {abs(value / ours - 1):.1e}" for name, value in values.items() if name != OURS)


def run_features(images: int, repeats: int, weights: Path) -> None:
    """Time each network on a batch, and compare its features with ours on the input that both take."""
    pixels = draw_images(images, SIDE)
    lines = [
        (name, keeps) for name in baselines.NETWORKS for keeps in (False, True) if keeps or name not in OWN
    ]
    processes = [
        BenchmarkProcess(make_feature_extraction, name, keeps, weights, pixels) for name, keeps in lines
    ]
    for process in processes:
        process.receive()
    seconds: list[list[float]] = [[] for _ in lines]
    for _ in range(repeats):
        for process, times in zip(processes, seconds, strict=True):
            time.sleep(REST)
            times.append(process.run())
    for process in processes:
        process.stop()
    networks = {name: load(weights) for name, load in baselines.NETWORKS.items()}
    results = {name: see(pixels) for name, see in networks.items()}
    peers = [statistics.median(seconds[lines.index((PEER, keeps))]) for keeps in (False, True)]
    for (name, keeps), times in zip(lines, seconds, strict=True):
        rates = sorted(images / value for value in times)
        untouched, kept = (peer / statistics.median(times) for peer in peers)
        # pytorch-fid resizes unlike TensorFlow, so it is compared with ours on 299 x 299 images below.
        print(
            f"{name}, memory {'kept' if keeps else 'returned'}: {statistics.median(rates):.2f} images/s "
            f"({rates[0]:.2f}-{rates[-1]:.2f}, n = {repeats}), x{untouched:.2f} of {PEER}, x{kept:.2f} of it with "
            f"memory kept, deviation {_deviation(results[name], results[OURS]):.1e}"
        )
    large = draw_images(4, 299, seed=2)
    deviation = _deviation(baselines.extract_unresized(weights, large), networks[OURS](large))
    print(f"pytorch-fid's network on 299 x 299 input scaled as TensorFlow did: deviation {deviation:.1e}")
    others = draw_images(images, SIDE, seed=3)
    for name in OWN:
        moments = (
            baselines.compute_moments(features) for features in (results[name], networks[name](others))
        )
        print(f"FID of two sets of {images}, {name}: {compute_frechet_distance(*moments):.6g}")


def make_feature_extraction(name: str, keeps_memory: bool, weights: Path, pixels: Tensor) -> Work:
    """Load a network in this process, and make the work of extracting features from images uint8 [N, 3, H, W]."""
    if keeps_memory:
        keep_freed_memory()
    see = baselines.NETWORKS[name](weights)

    def work(count: int) -> None:
        for _ in range(count):
            see(pixels)

    return work


def _deviation(features: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(features - others) / np.linalg.norm(others))


def run_end_to_end(names: Sequence[str], images: int, real_images: int, weights: Path, folder: Path) -> None:
    """Score with each library in a separate process, so that each peak memory is that of one library."""
    for seed, (name, count) in enumerate((("real", real_images), ("fake", images))):
        np.save(folder / f"{name}.npy", draw_images(count, SIDE, seed=seed).numpy())
    for name in names:
        with ProcessPoolExecutor(
            1, get_context("spawn"), initializer=warnings.simplefilter, initargs=("ignore",)
        ) as process:
            record = process.submit(baselines.score, name, folder, weights).result()
        scores = ", ".join(f"{key} {value:.6g}" for key, value in record.items())
        print(f"{name}, {real_images} real and {images} fake images: {scores}", flush=True)


def main() -> None:
    """Run the section that the command line names."""
    parser = CommandParser(__doc__)
    parser.add_argument("section", choices=("formula", "compared", "features", "end-to-end"))
    parser.add_argument("--images", type=int, default=None, help="6000 from end to end, 50 for features")
    parser.add_argument("--real-images", type=int, help="end to end; as many as --images when left out")
    parser.add_argument(
        "--counts",
        type=int,
        nargs="+",
        help="of features, for the formula and for the scores that compare them",
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--baselines",
        nargs="+",
        choices=list(baselines.SCORERS),
        default=list(baselines.SCORERS),
        metavar="NAME",
        help=f"end to end; out of {', '.join(baselines.SCORERS)}",
    )
    arguments = parser.parse_args()
    print(describe_machine(), flush=True)
    if arguments.section in ("formula", "compared"):
        # Our stages keep freed memory, and here it speeds up all libraries. In the other sections each library has a
        # process of its own.
        keep_freed_memory()
        print("freed memory kept, for all", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.pth"
        if arguments.section == "formula":
            for count in arguments.counts or COUNTS:
                run_formula(count, arguments.repeats)
            return
        if arguments.section == "compared":
            missing = [name for name, is_installed in list_installed().items() if not is_installed]
            print(f"not installed: {', '.join(missing) or 'none'}", flush=True)
            for count in arguments.counts or COMPARED_COUNTS:
                run_compared(count, arguments.repeats)
            return
        torch.save(make_weights(), weights)
        if arguments.section == "features":
            run_features(arguments.images or 50, arguments.repeats, weights)
        else:
            images = arguments.images or 6000
            real_images = arguments.real_images or images
            run_end_to_end(arguments.baselines, images, real_images, weights, Path(folder))


if __name__ == "__main__":
    run_command(main)
