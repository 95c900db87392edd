"""pass@k: the chance that one of k programs passes, from n that were drawn."""

from __future__ import annotations

import math


def pass_at_k(n: int, c: int, k: int) -> float:
    """Unbiased estimate of the chance that at least one of k samples passes.

    Args:
        n: Samples drawn, k or more.
        c: How many of them passed.
        k: Samples one would draw.

    Raises:
        ValueError: Not 1 <= k <= n, or c is not between 0 and n.

    Source: Chen et al. 2021, arXiv:2107.03374, eq. 1.

    >>> round(pass_at_k(10, 3, 1), 3), round(pass_at_k(10, 3, 5), 3)
    (0.3, 0.917)
    """
    if not 1 <= k <= n or not 0 <= c <= n:
        raise ValueError(f"n {n}, c {c}, k {k}: expected 1 <= k <= n and c of n")
    if n - c < k:
        return 1.0
    return 1.0 - math.prod(1 - k / place for place in range(n - c + 1, n + 1))
