"""Find the nearest of many vectors, part by part, without storing all distances."""

import torch
from torch import Tensor


class NearestNeighbourSearch:
    """A search that keeps, for each query, the nearest of all vectors that were added so far.

    A part is compared in float32 by |q|^2 + |v|^2 - 2 q.v, one matrix product. The distance to the nearest vector is
    then computed again from the difference, because the product would lose small distances to rounding.

    Attributes:
        indices: int64 [Q], the position of each query's nearest vector among all added vectors.
        distances: float64 [Q], the Euclidean distance to that vector.
    """

    def __init__(self, queries: Tensor) -> None:
        """Make a search without vectors.

        Args:
            queries: float32 [Q, D].
        """
        self._queries = queries
        self._squares = queries.square().sum(dim=1)
        self._nearest_squares = torch.full((len(queries),), torch.inf, device=queries.device)
        self.indices = torch.zeros(len(queries), dtype=torch.int64, device=queries.device)
        self.distances = torch.full((len(queries),), torch.inf, dtype=torch.float64, device=queries.device)
        self._count = 0

    def add(self, vectors: Tensor) -> None:
        """Compare the queries with more vectors, float32 [N, D] on the queries' device."""
        products = self._queries @ vectors.T
        squares = self._squares[:, None] + vectors.square().sum(dim=1) - 2.0 * products
        smallest, positions = squares.min(dim=1)
        is_nearer = smallest < self._nearest_squares
        self._nearest_squares = torch.where(is_nearer, smallest, self._nearest_squares)
        self.indices = torch.where(is_nearer, positions + self._count, self.indices)
        exact = torch.linalg.vector_norm(self._queries.double() - vectors[positions].double(), dim=1)
        self.distances = torch.where(is_nearer, exact, self.distances)
        self._count += len(vectors)
