"""Score real images as the report's code would have: one artefact at a time, then all that it had."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from stages.ablation.distortions import Pixels, repeat_few, resize, stretch_contrast
from stages.ablation.params import AblationParams
from stages.ablation.torchvision_network import load_torchvision
from stages.scores.extractor import Extractor
from stages.scores.feature_statistics import FeatureRequest, extract_statistics
from stages.scores.params import ScoresParams
from stages.scores.scorer import ReferenceStatistics, Scorer

Row = dict[str, Any]
Change = Callable[[Pixels], Pixels]


class Ablation(NamedTuple):
    """Real images in the generated images' place, and what they are compared with.

    Attributes:
        params: which artefacts.
        scores: how images are scored.
        images: uint8 [N, C, H, W], in the generated ones' place.
        reference_images: those that the reference is made of.
        reference: the same as the extractor saw them.
        extractor: what to look with.
    """

    params: AblationParams
    scores: ScoresParams
    images: Pixels
    reference_images: NDArray[np.uint8]
    reference: ReferenceStatistics
    extractor: Extractor

    def list_rows(self, device: torch.device) -> list[Row]:
        """Score every row; one that cannot be has the reason in place of scores."""
        plain = Scorer(self.reference, self.scores)
        detoured = Scorer(self._look_at_reference(self.extractor, self._detour), self.scores)
        return [
            self._score("as_they_are", plain, self.images),
            self._score("repeated", plain, self._repeat(self.images)),
            self._score("stretched", plain, stretch_contrast(self.images)),
            self._score("detour", detoured, self._detour(self.images)),
            self._score("together", detoured, self._detour(stretch_contrast(self._repeat(self.images)))),
            self._score_torchvision(device),
        ]

    def _repeat(self, images: Pixels) -> Pixels:
        return repeat_few(images, self.params.distinct_count, self.scores.shuffle_seed)

    def _detour(self, images: Pixels) -> Pixels:
        """Resize there, and back where the extractor takes images of one size only."""
        shape = self.extractor.card.image_shape
        away = resize(images, self.params.detour_size)
        return away if shape is None else resize(away, shape[-1])

    def _look_at_reference(self, extractor: Extractor, change: Change) -> ReferenceStatistics:
        images = change(self.reference_images)
        wanted = FeatureRequest.for_reference(len(images), self.scores)
        statistics = extract_statistics(
            images, extractor, self.scores, f"real {self.reference.split} split", wanted
        )
        return ReferenceStatistics(self.reference.split, statistics.moments, statistics.features)

    def _score(self, name: str, scorer: Scorer, images: Pixels, extractor: Extractor | None = None) -> Row:
        extractor = self.extractor if extractor is None else extractor
        statistics = extract_statistics(images, extractor, self.scores, f"ablation, {name}")
        distinct = len({image.tobytes() for image in images})
        return {
            "name": name,
            "missing": None,
            "weights_sha256": extractor.card.weights_sha256,
            "distinct_images": distinct,
            **scorer.score(statistics),
        }

    def _score_torchvision(self, device: torch.device) -> Row:
        path, name = self.params.local_path(), "torchvision"
        if self.extractor.card.name != "inception":
            reason = f"scores here are of the {self.extractor.card.name}, in whose place it would not stand"
            return {"name": name, "missing": reason}
        if path is None:
            return {"name": name, "missing": "ablation.torchvision_weights_path names no file"}
        try:
            network = load_torchvision(path, device)
        except ValueError as error:
            return {"name": name, "missing": str(error)}
        scorer = Scorer(self._look_at_reference(network, np.asarray), self.scores)
        return self._score(name, scorer, self.images, network)
