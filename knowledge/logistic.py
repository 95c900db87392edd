"""Logistic regression on a few features: as much as the calibration needs, in numpy alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RIDGE = 1.0  # pull of the weights towards 0, in standard units; it also keeps them finite
STEPS = 50  # of Newton's method; it needs about 8


class Fit(NamedTuple):
    """Weights over features in standard units."""

    weights: NDArray[np.float64]  # bias first
    means: NDArray[np.float64]
    scales: NDArray[np.float64]

    def chances(self, x_nf: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities, shape (rows,)."""
        z_n = self.weights[0] + (x_nf - self.means) / self.scales @ self.weights[1:]
        return np.asarray(sigmoid(z_n), dtype=float)


def fit_logistic(x_nf: NDArray[np.float64], y_n: NDArray[np.bool_]) -> Fit:
    """Ridge logistic regression by Newton's method, both classes weighing the same together.

    Args:
        x_nf: Features, shape (rows, features).
        y_n: Classes, shape (rows,); there must be some of each.

    Source: iteratively reweighted least squares, Hastie, Tibshirani and Friedman 2009, 4.4.1.
    """
    means, scales = x_nf.mean(axis=0), x_nf.std(axis=0)
    scales[scales == 0] = 1.0
    a_nf = np.column_stack([np.ones(len(x_nf)), (x_nf - means) / scales])
    weigh_n = np.where(y_n, 0.5 / y_n.mean(), 0.5 / (~y_n).mean())
    pull = RIDGE * np.eye(a_nf.shape[1])
    pull[0, 0] = 1e-6  # hardly on the bias
    w = np.zeros(a_nf.shape[1])
    for _ in range(STEPS):
        p_n = sigmoid(a_nf @ w)
        slope = a_nf.T @ (weigh_n * (p_n - y_n)) + pull @ w
        curvature = (a_nf * (weigh_n * p_n * (1 - p_n))[:, None]).T @ a_nf + pull
        step = np.linalg.solve(curvature, slope)
        w -= step
        if np.abs(step).max() < 1e-9:
            break
    return Fit(w, means, scales)


def sigmoid(z: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Log odds → probability, without overflow."""
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -700, 700))), dtype=float)
