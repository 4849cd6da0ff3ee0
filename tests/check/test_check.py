import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.check.__main__ import find_all_faults, main
from stages.common.artifacts import CHECK_PASSED
from stages.common.params import ParamsError

ROOT = Path(__file__).parents[2]
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "stages/gans", "stages/gans")


def read_default() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "presets/default.yaml").read_text())
    return content


def test_the_default_preset_passes_and_a_file_says_so() -> None:
    shutil.copy(ROOT / "presets/default.yaml", "params.yaml")
    main()
    assert CHECK_PASSED.read_text() == "params.yaml is in order\n"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda p: p.update(trane={}), "trane is unknown (did you mean train?): there is gans, "),
        (lambda p: p.pop("train"), "train is missing"),
        (
            lambda p: p["neighbours"].update(sample_count=2001),
            "neighbours.sample_count = 2001: only sample.sample_count = 2000 images are generated",
        ),
        (lambda p: p.update(train=None), "train = None: input should be"),
        (
            lambda p: p["train"].update(generator_step=3),
            "train.generator_step is unknown (did you mean generator_steps?)",
        ),
        (lambda p: p["train"].pop("batch_size"), "train.batch_size is missing; add it"),
        (
            lambda p: p["train"].update(batch_size=64.0),
            "train.batch_size = 64.0: input should be a valid int",
        ),
        (lambda p: p["train"].update(evaluation_points=801), "evaluation_points = 801 is more than"),
        (
            lambda p: p["settings"]["A"].update(generator_learning_rate=-0.001),
            "settings.A.generator_learning_rate = -0.001",
        ),
        (
            lambda p: p["settings"]["A"].update(generator_learning_rate="1e-4"),
            "settings.A.generator_learning_rate = '1e-4': input should be a valid number; a number has no quotes",
        ),
        (lambda p: p["settings"]["B"].update(beta2=float("nan")), "settings.B.beta2 = nan"),
        (lambda p: p.update(settings=[]), "settings must map letters"),
        (
            lambda p: p.update(gans=["dcgan"]),
            "gans names 'dcgan', but there is no stages/gans/dcgan.py; there is batch_norm, ",
        ),
        (lambda p: p.update(gans=[]), "gans = []"),
        (lambda p: p["scores"].update(extra=["cmmd"]), "scores.extra names cmmd, which is defined for"),
        (
            lambda p: p["scores"].update(extra=["fls"]),
            "scores.extra.0 = 'fls': input should be 'authenticity'",
        ),
        (
            lambda p: (p["scores"].update(extra=["ct"]), p["reference"].update(split="test")),
            "scores.extra names ct, which asks whether training images were copied, and reference.split is test",
        ),
        (
            lambda p: p["extractor"].update(name="dinov3"),
            "extractor.name: 'dinov3' is unknown (did you mean dinov2",
        ),
        (lambda p: p.update(gans=["sngan", "sngan"]), "gans names sngan more than once"),
        (lambda p: p.update(gans="sngan"), "gans = 'sngan'"),
        (lambda p: p.update(seeds=[-1]), "seeds.0 = -1"),
        (
            lambda p: p.update(settings_used=["A", "D"]),
            "settings_used names 'D', which is not under settings; there is A, B, C",
        ),
        (lambda p: p["options"].pop("sngan"), "options.sngan is missing; add it"),
        (
            lambda p: p["options"].update(dcgan={}),
            "options.dcgan is unknown: there is no stages/gans/dcgan.py",
        ),
        (lambda p: p["options"]["began"].update(gamma=2.0), "options.began.gamma = 2.0"),
        (lambda p: p["options"]["sngan"].update(loss="wasserstein"), "options.sngan.loss = 'wasserstein'"),
        (
            lambda p: p["prepare"].update(image_size=30),
            "30 pixels: the networks need 4, 5, 6 or 7 times a power of two",
        ),
        (lambda p: p["prepare"].update(dataset="cifar100"), "prepare.dataset = 'cifar100'"),
        (
            lambda p: p["sample"].update(sample_count=64),
            "sample.sample_count = 64: FID with the classifier's 64 features needs more",
        ),
        (
            lambda p: p["extractor"].update(name="inception"),
            "sample.sample_count = 2000: FID with the inception's 2048 features",
        ),
        (lambda p: p["scores"].update(splits=3000), "scores.splits = 3000"),
        (lambda p: p["compute"].update(processes=0), "compute.processes = 0"),
        (
            lambda p: p["compute"].update(processes=2, device="mps"),
            "compute.processes = 2, but compute.device = 'mps': several processes train together on cpu or cuda",
        ),
        (
            lambda p: p["compute"].update(processes=3),
            "compute.processes = 3, but train.batch_size = 16 cannot be shared evenly; choose a multiple",
        ),
        (
            lambda p: (p["compute"].update(processes=2), p["train"].update(cuda_graphs=True)),
            "compute.processes = 2, but train.cuda_graphs = true: it needs one process",
        ),
        (
            lambda p: p["scores"].update(compared_count=2001),
            "scores.compared_count = 2001: more than sample.sample_count = 2000",
        ),
        (lambda p: p["scores"].update(fid_sample_count=64), "scores.fid_sample_count = 64: FID with the"),
        (
            lambda p: p["reference"].update(count=60_001),
            "reference.count = 60001: the train split will have only",
        ),
        (lambda p: p["reference"].update(count=1000), "compared_count = 2000: more than the 1000 images"),
        (
            lambda p: p["scores"].update(splits=1000) or p["prepare"].update(test_limit=500),
            "the test split's images = 500: fewer than scores.splits",
        ),
        (
            lambda p: p["prepare"].update(test_limit=50),
            "the test split's images = 50: FID with the classifier's",
        ),
        (
            lambda p: p["prepare"].update(train_limit=9),
            "prepare.train_limit = 9: the extractor `classifier` needs one image or more of each of 10 classes",
        ),
        (
            lambda p: p["prepare"].update(test_limit=1),
            "prepare.test_limit = 1: the extractor `classifier` needs one image or more of each of 2 classes",
        ),
        (
            lambda p: p["prepare"].update(dataset="image_folder", path="mine", train_limit=1),
            "prepare.train_limit = 1: the extractor `classifier` needs one image or more of each of 2 classes",
        ),
        (
            lambda p: p["train"].update(batch_size=60001),
            "train.batch_size = 60001: the train split will have only 60000 images",
        ),
        (
            lambda p: p["lipschitz"].update(image_count=60001),
            "lipschitz.image_count = 60001: the train split will have only 60000 images",
        ),
        (lambda p: p["lipschitz"].update(tolerance=0.0), "lipschitz.tolerance = 0.0"),
        (
            lambda p: p["networks"].update(architecture="residual"),
            "networks.architecture = 'residual' and gans names 'began', whose discriminator is an auto-encoder",
        ),
        (lambda p: p["train"].update(ema_decay=1.0), "train.ema_decay = 1.0"),
        (lambda p: p["networks"].update(architecture="dcgan"), "networks.architecture = 'dcgan'"),
        (lambda p: p["compute"].update(device="tpu"), "compute.device = 'tpu'"),
        (lambda p: p["report"].update(title=""), "report.title = ''"),
        (lambda p: p["report"].update(title="x" * 300), "report.title = 'xxx"),
        (lambda p: p["train"].update(generator_steps=10**30), "less than or equal to 1000000000"),
        (lambda p: p["prepare"].update(train_limit=10**30), "less than or equal to 1000000000"),
        (lambda p: p["options"]["ebgan"].update(code_dimension=10**30), "less than or equal to 65536"),
        (
            lambda p: p["train"].update(generator_steps=True),
            "generator_steps = True: input should be a valid int",
        ),
        (
            lambda p: p["settings"].update({"A/../B": p["settings"]["A"]}),
            "settings.3 = 'A/../B': string should",
        ),
        (lambda p: p["settings"].update({"A" * 300: p["settings"]["A"]}), "at most 32 characters"),
        (lambda p: p.update(gans=["sngan"] * 101), "at most 100 items"),
        (lambda p: p.update(seeds=[2**31]), "seeds.0 = 2147483648"),
        (lambda p: p["options"].update(sgnan={}), "no stages/gans/sgnan.py (did you mean sngan?)"),
        (
            lambda p: p["extractor"]["classifier"].update(epoch=1),
            "classifier.epoch is unknown (did you mean epochs?)",
        ),
    ],
)
def test_a_fault_is_reported_with_its_key_and_the_allowed_values(change: Change, fault: str) -> None:
    content = read_default()
    change(content)
    faults = find_all_faults(content)
    assert any(fault in found and not found.startswith(":") for found in faults), faults


def test_faults_of_all_sections_are_reported_at_once_and_nothing_is_written() -> None:
    content = read_default()
    content["gans"] = ["dcgan", "sngan"]
    content["settings"]["C"]["beta1"] = 1.0
    content["train"]["batch_size"] = 0
    content["sample"]["sample_cuont"] = content["sample"].pop("sample_count")
    Path("params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ParamsError) as caught:
        main()
    assert len(caught.value.faults) == 5
    assert str(caught.value).startswith("params.yaml has 5 faults:\n  - gans names 'dcgan'")
    assert not CHECK_PASSED.exists()


@pytest.mark.parametrize("protocol", ["report", "miyato", "field"])
def test_every_protocol_passes_with_the_default_and_the_report(protocol: str) -> None:
    from pipeline.preset import compose_preset

    for name in ("default", "report"):
        text = compose_preset(name, ROOT / "presets", protocol)
        assert find_all_faults(yaml.safe_load(text)) == []


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "presets").glob("*.yaml")))
def test_every_preset_passes(name: str) -> None:
    from pipeline.preset import compose_preset

    assert find_all_faults(yaml.safe_load(compose_preset(name, ROOT / "presets"))) == []


@pytest.mark.parametrize("name", ["dinov2", "principal_components"])
def test_an_extractor_that_tells_no_classes_apart_is_accepted_and_needs_no_splits(name: str) -> None:
    content = read_default()
    content["extractor"]["name"] = name
    content["scores"]["splits"] = 1000
    content["prepare"]["test_limit"] = 500
    content["scores"] |= {"compared_count": 400, "kid_subset_size": 100}
    content["extractor"]["dinov2"]["model"] = "vits14"
    assert find_all_faults(content) == []
