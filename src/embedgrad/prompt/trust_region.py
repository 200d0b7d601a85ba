"""How far tuning may take each token's vector: a ball around its start, a penalty on the distance, and the cell of
the vectors to which the original token is the nearest.

Pure functions on [P, D] rows and an embedding table; no model. The paper describes the trust region as an effect of
tuning (arXiv 2508.03533, 5.1); here it can be had as a guarantee.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

MARGIN = 0.01  # of the lead at the start: what is left of it where a row is held at its cell's edge
_ROUNDING = 2.0**-23  # twice the relative error of a number rounded to float32
_SAME = 1e-6  # table rows nearer than that, in units of the token's norm, are the same token twice
_CHUNK_NUMBERS = 2**22  # of the table in float64 at once: 32 MiB


@dataclass(frozen=True, eq=False)
class OriginalTokens:
    """The tokens that must stay the nearest.

    rows   [P, D] their embeddings, a row each
    table  [V, D] the vocabulary's, on the same device; float32 or the model's dtype
    """

    rows: Tensor
    table: Tensor


@dataclass(frozen=True, eq=False)
class TrustRegion:
    """Where the prompt may be, seen from its start [P, D] float32. Everything is per token.

    radius    ||v - v0|| <= radius * ||v0||, held by `project`
    penalty   weight of the mean of ||v - v0||^2 / ||v0||^2 in the loss
    tokens    each of them stays nearest to its vector by L2 distance, held by `project`
    """

    start: Tensor
    radius: float | None = None
    penalty: float = 0.0
    tokens: OriginalTokens | None = None

    def project(self, rows: Tensor) -> Tensor:
        """[P, D] float32 `rows`, taken back to the region where they left it; the others bit for bit as they are.

        Both bounds are convex and hold at the start, so a row is moved along the straight line towards it. For the
        ball that is the nearest point of it; for the cell it is not, it is the point where the line leaves it.
        """
        held = rows if self.tokens is None else towards_cell(rows, self.start, self.tokens)
        held = held if self.radius is None else within_radius(held, self.start, self.radius)
        if self.tokens is None:
            return held
        # Trap: an edge may lie closer than float32 tells apart, and rounding then steps over it.
        return torch.where((lead(held, self.tokens) > 0)[:, None], held, self.start)


def within_radius(rows: Tensor, start: Tensor, radius: float) -> Tensor:
    """`rows` [P, D] float32 with ||v - v0|| <= radius * ||v0||, the nearest ones; rows that are inside are returned as
    they are. A row that starts at zero cannot move. What is moved ends inside by as much as rounding may err."""
    origin = start.double()
    moved = rows.double() - origin
    distance, length = moved.norm(dim=1), origin.norm(dim=1)
    limit = radius * length
    share = ((limit - _ROUNDING * (length + limit)) / distance).clamp(min=0)
    return torch.where((distance > limit)[:, None], (origin + share[:, None] * moved).float(), rows)


def distance_penalty(rows: Tensor, start: Tensor, weight: float) -> tuple[float, Tensor]:
    """weight * mean over tokens of ||v - v0||^2 / ||v0||^2, and its gradient [P, D] with respect to `rows`:
    2 * weight / P * (v - v0) / ||v0||^2. A row that starts at zero counts as 0."""
    moved = rows - start
    squares = start.square().sum(1, keepdim=True)
    scaled = torch.where(squares > 0, moved / squares, 0.0)
    value = weight * float((scaled * moved).sum(1).mean())
    return value, 2 * weight / len(rows) * scaled


def lead(rows: Tensor, tokens: OriginalTokens) -> Tensor:
    """[P] float64: by how much each row's own token is the nearest of the vocabulary, as the squared L2 distance to
    the next one minus that to its own; negative where another is nearer. A second copy of the token does not count."""
    return torch.stack([chunk.amin(1) for (chunk,) in _leads([rows], tokens)]).amin(0)


def towards_cell(rows: Tensor, start: Tensor, tokens: OriginalTokens) -> Tensor:
    """`rows` [P, D] float32, those shortened towards `start` to which another token is nearer, or nearly.

    The vectors to which a token is the nearest are its Voronoi cell, a convex polyhedron with a face halfway to each
    neighbour. The lead over a neighbour, ||v - e_j||^2 - ||v - e||^2, is linear in v: along the line from v0 to v it
    falls evenly, so that the share of the way at which MARGIN of the first lead is left is known. `start` must have a
    positive `lead`. Time: a product of [3P, D] and [D, V] in float64.
    """
    share = torch.ones(len(rows), dtype=torch.float64, device=rows.device)
    for first, now in _leads([start, rows], tokens):
        allowed = (1 - MARGIN) * first / (first - now)
        share = torch.minimum(share, torch.where(now < MARGIN * first, allowed, 1.0).amin(1))
    moved = start.double() + share[:, None] * (rows.double() - start.double())
    return torch.where((share < 1)[:, None], moved.float(), rows)


def _leads(points: Sequence[Tensor], tokens: OriginalTokens) -> Iterator[list[Tensor]]:
    """For each of `points` [P, D], chunks [P, v] float64 of ||v - e_j||^2 - ||v - e||^2 over the vocabulary; infinite
    where e_j is e."""
    own = tokens.rows.double()
    vectors = torch.cat([own, *(point.double() for point in points)])
    own_square = own.square().sum(1, keepdim=True)
    own_products = (vectors.view(-1, *own.shape) * own).sum(2, keepdim=True)
    for chunk in torch.split(tokens.table, max(1, _CHUNK_NUMBERS // tokens.table.shape[1])):
        others = chunk.double()
        squares = others.square().sum(1)
        products = (vectors @ others.T).view(len(points) + 1, len(own), -1)
        leads = 2 * (own_products - products) + squares - own_square
        is_own = leads[0] <= _SAME**2 * own_square
        yield list(leads[1:].masked_fill(is_own, torch.inf))
