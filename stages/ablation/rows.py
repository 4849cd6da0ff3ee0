"""Score real images after each of the report's distortions, then after all of them together."""

from typing import Any, NamedTuple

import torch

from stages.ablation.distortions import Pixels, repeat_few, resize, stretch_contrast
from stages.ablation.params import AblationParams
from stages.ablation.torchvision_network import load_torchvision
from stages.scores.distinct_images import count_distinct
from stages.scores.extractor import Extractor
from stages.scores.feature_statistics import extract_statistics
from stages.scores.params import ScoresParams
from stages.scores.reference_statistics import ReferenceStatistics, extract_reference
from stages.scores.scorer import Scorer

Row = dict[str, Any]


class Ablation(NamedTuple):
    """The scores of real images that were distorted, as if they had been generated.

    Attributes:
        params: the parameters of the distortions.
        scores: the parameters of the scores.
        images: uint8 [N, C, H, W], the images to distort.
        reference_images: uint8 [M, C, H, W], the real images to compare with.
        reference: the statistics of these images.
        extractor: the network that computes features and logits.
    """

    params: AblationParams
    scores: ScoresParams
    images: Pixels
    reference_images: Pixels
    reference: ReferenceStatistics
    extractor: Extractor

    def list_rows(self, device: torch.device) -> list[Row]:
        """Score every row; a row that cannot be scored has the reason, `missing`, instead of scores."""
        plain = Scorer(self.reference, self.scores)
        resized_scorer = self._make_scorer(self._resize(self.reference_images), self.extractor)
        return [
            self._score("as_they_are", plain, self.images),
            self._score("repeated", plain, self._repeat(self.images)),
            self._score("stretched", plain, stretch_contrast(self.images)),
            self._score("resized", resized_scorer, self._resize(self.images)),
            self._score(
                "together", resized_scorer, self._resize(stretch_contrast(self._repeat(self.images)))
            ),
            self._score_torchvision(device),
        ]

    def _repeat(self, images: Pixels) -> Pixels:
        return repeat_few(images, self.params.distinct_count, self.scores.shuffle_seed)

    def _resize(self, images: Pixels) -> Pixels:
        """Resize to `resize_size`, and back where the extractor accepts images of one size only."""
        shape = self.extractor.card.image_shape
        resized = resize(images, self.params.resize_size)
        return resized if shape is None else resize(resized, shape[-1])

    def _make_scorer(self, reference_images: Pixels, extractor: Extractor) -> Scorer:
        reference = extract_reference(reference_images, extractor, self.scores, self.reference.source)
        return Scorer(reference, self.scores)

    def _score(self, name: str, scorer: Scorer, images: Pixels, extractor: Extractor | None = None) -> Row:
        extractor = self.extractor if extractor is None else extractor
        statistics = extract_statistics(images, extractor, self.scores, f"ablation, {name}")
        return {
            "name": name,
            "missing": None,
            "weights_sha256": extractor.card.weights_sha256,
            "distinct_images": count_distinct(images),
            **scorer.score(statistics),
        }

    def _score_torchvision(self, device: torch.device) -> Row:
        path, name = self.params.local_path(), "torchvision"
        if self.extractor.card.name != "inception":
            used = self.extractor.card.name
            reason = f"the scores are computed with the {used}, which torchvision's network cannot replace"
            return {"name": name, "missing": reason}
        if path is None:
            return {"name": name, "missing": "ablation.torchvision_weights_path names no file"}
        try:
            network = load_torchvision(path, device)
        except ValueError as error:
            return {"name": name, "missing": str(error)}
        return self._score(name, self._make_scorer(self.reference_images, network), self.images, network)
