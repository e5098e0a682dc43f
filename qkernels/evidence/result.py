"""`Report`: what was found, as a table, as JSON, and as words for a paper."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from textwrap import fill
from typing import Any

from qkernels.evidence.statistics import Interval

_WIDTH = 96


@dataclass(frozen=True)
class Report:
    """What was found about a quantum kernel and its baselines on some data.

    Attributes
    ----------
    kernel : str
        The quantum kernel, as it was given.
    task, scoring : str
        What is predicted, and the score: accuracy, or R².
    chance : float
        The score of a model that knows the targets' distribution alone.
    n_points, n_features : int
    protocol : dict
        Folds, repeats, configurations, seed, groups.
    scores : dict of str to Interval
        The score of each family of kernels on test points, with a corrected interval of 95 %.
    differences : dict of str to Interval
        The quantum kernel's score less that of each baseline, on the same splits.
    settings : dict of str to dict
        The hyperparameters that were best on training points, and how often each was chosen.
    diagnostics : dict
        Numbers about the kernel matrices of all points, with those settings.
    verdict : list of str
        What all this says, the conclusion first.
    left_out : dict of str to str
        Baselines that make no sense here, and why.
    """

    kernel: str
    task: str
    scoring: str
    chance: float
    n_points: int
    n_features: int
    protocol: dict[str, Any]
    scores: dict[str, Interval]
    differences: dict[str, Interval]
    settings: dict[str, dict[str, Any]]
    diagnostics: dict[str, Any]
    verdict: list[str]
    left_out: dict[str, str]

    def __str__(self) -> str:
        width = max(map(len, self.scores))
        lines = [f"{'':{width}}  {self.scoring:<21}  quantum less this       best setting"]
        lines.append(f"{'chance':{width}}  {self.chance:.3f}")
        for name, score in self.scores.items():
            difference = str(self.differences.get(name, ""))
            setting = ", ".join(f"{k}={v:.3g}" for k, v in self.settings[name]["best"].items())
            lines.append(f"{name:{width}}  {score!s:<21}  {difference:<22}  {setting}")
        sentences = [*self.verdict, *(f"Left out: {n}, {why}." for n, why in self.left_out.items())]
        return "\n".join([*lines, "", *(fill(sentence, _WIDTH) for sentence in sentences)])

    def to_json(self) -> str:
        """Return all of it as JSON; what is not finite is null."""
        values = asdict(self)
        for name in ("scores", "differences"):
            values[name] = {key: value._asdict() for key, value in getattr(self, name).items()}
        return json.dumps(_plain(values), indent=1, allow_nan=False)

    def methods_text(self) -> str:
        """Return a paragraph on what was done, for the appendix of a paper."""
        p = self.protocol
        grouped = ", points of one group in one fold" if p["grouped"] else ""
        if self.task == "classification":
            model = "Support vector machines (at most 100 000 steps)"
        else:
            model = "Kernel ridge models of centred targets, α = 1/C,"
        return (
            f"{model} on {self.n_points} points of {self.n_features} features were scored by "
            f"{self.scoring} in {p['cv']}-fold cross-validation, repeated {p['repeats']} times"
            f"{grouped} (seed {p['seed']}). The quantum kernel is {self.kernel}. On each training "
            "set the kernel's hyperparameters and the regularisation C were chosen by "
            f"{p['inner_folds']}-fold cross-validation among {p['configurations']} configurations "
            f"for each kernel: {p['grids']}. Factors multiply the kernel's own bandwidth and γ; "
            "what else it has was held fixed. Classical kernels saw the points less their mean, "
            "divided by the root of their mean squared length, of all points, as these know no "
            "targets; poly is (1 + γ x·y)^degree, divided by its mean diagonal. All kernels saw "
            "the same splits. Intervals are corrected resampled t-intervals of 95 % (Nadeau and "
            "Bengio, 2003). Diagnostics are of kernel matrices of all points at the setting that "
            "was best on training points on average, scaled to trace N; effective dimension and "
            "model complexity are at each kernel's own λ = 1/C, scaled alike, so that they say "
            "what each tuned model does."
        )


def _plain(value: Any) -> Any:
    """Return plain values, None for those that JSON does not know."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
