"""Find the nearest of many vectors, part by part, without holding all distances."""

import torch
from torch import Tensor


class NearestSeeker:
    """Keeps, for each query, the nearest vector of all that were shown so far.

    Parts are compared in float32 by |q|^2 + |v|^2 - 2 q.v, one matrix product; the nearest one's distance is
    then computed anew from the difference, which keeps small distances exact where the product would lose them.
    """

    def __init__(self, queries: Tensor) -> None:
        """Start without any vector.

        Args:
            queries: float32 [Q, D].
        """
        self._queries = queries
        self._squares = queries.square().sum(dim=1)
        self._nearest_squares = torch.full((len(queries),), torch.inf, device=queries.device)
        self.indices = torch.zeros(len(queries), dtype=torch.int64, device=queries.device)
        self.distances = torch.full((len(queries),), torch.inf, dtype=torch.float64, device=queries.device)
        self._count = 0

    def show(self, vectors: Tensor) -> None:
        """Compare with the next vectors: float32 [N, D] on the queries' device."""
        products = self._queries @ vectors.T
        squares = self._squares[:, None] + vectors.square().sum(dim=1) - 2.0 * products
        found, places = squares.min(dim=1)
        is_nearer = found < self._nearest_squares
        self._nearest_squares = torch.where(is_nearer, found, self._nearest_squares)
        self.indices = torch.where(is_nearer, places + self._count, self.indices)
        exact = torch.linalg.vector_norm(self._queries.double() - vectors[places].double(), dim=1)
        self.distances = torch.where(is_nearer, exact, self.distances)
        self._count += len(vectors)
