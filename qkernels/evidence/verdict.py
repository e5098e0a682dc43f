"""What the numbers say, in plain words.

What lives here: sentences, each made of numbers by a stated rule. No sentence speaks of an
advantage that an interval does not show.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qkernels.evidence.statistics import Interval

# Above this alignment two kernels are called nearly the same.
_ALIKE = 0.95
_CONCENTRATED = 0.1
# Below this ratio of error bounds a geometric difference is called small.
_FAR = 1.5


def verdict(
    scores: Mapping[str, Interval],
    differences: Mapping[str, Interval],
    diagnostics: Mapping[str, Any],
    scoring: str,
    chance: float,
) -> list[str]:
    """Return sentences, the conclusion first.

    Parameters
    ----------
    scores : mapping of str to Interval
        Of each family.
    differences : mapping of str to Interval
        The quantum kernel's score less that of each baseline.
    diagnostics : mapping
        As in `Report`.
    scoring : str
    chance : float
        The score of a model that knows the targets' distribution alone.
    """
    classical = {name: d for name, d in differences.items() if name != "unentangled"}
    sentences = [_conclusion(scores, classical, scoring)] if classical else []
    if all(score.low <= chance for score in scores.values()):
        sentences.append(f"No kernel is clearly better than chance, {chance:.3f}.")
    if "unentangled" in differences:
        sentences.append(_entanglement(differences["unentangled"], scoring))
    return sentences + _remarks(diagnostics)


def _conclusion(
    scores: Mapping[str, Interval], differences: Mapping[str, Interval], scoring: str
) -> str:
    best = max(differences, key=lambda name: scores[name].mean)
    difference = differences[best]
    numbers = (
        f"quantum {scores['quantum'].mean:.3f}, {best} {scores[best].mean:.3f}, "
        f"difference in {scoring} {difference}"
    )
    if _shows(difference) and difference.high < 0:
        return f"No evidence of an advantage: the best classical kernel is better ({numbers})."
    if all(d.low > 0 and _shows(d) for d in differences.values()):
        return (
            "The quantum kernel is better than every classical baseline on these data "
            f"({numbers}): evidence for these data and these baselines, not for others."
        )
    if difference.low > 0 and _shows(difference):
        return (
            "No clear evidence of an advantage: the quantum kernel is better than the best "
            f"classical kernel, but not than all of them ({numbers})."
        )
    return f"No evidence of an advantage: the difference may well be chance ({numbers})."


def _shows(difference: Interval) -> bool:
    """Tell whether an interval says anything: of equal scores on all splits it has no width."""
    return difference.high > difference.low


def _entanglement(difference: Interval, scoring: str) -> str:
    if difference.low > 0 and _shows(difference):
        return (
            "Gates on several qubits help, which also encode data: without them "
            f"{scoring} falls by {difference}."
        )
    if difference.high < 0 and _shows(difference):
        return (
            f"Gates on several qubits hurt: without them {scoring} rises; the difference is "
            f"{difference}."
        )
    return (
        "The same circuit without its entangling gates does as well within the error: "
        f"difference {difference}."
    )


def _remarks(found: Mapping[str, Any]) -> list[str]:
    """Return what the diagnostics add."""
    remarks = []
    if edge := found["at_the_edge"]:
        remarks.append(
            f"Of {', '.join(edge)} the best setting is at the edge of what was tried: scale the "
            "data or the bandwidth, and look again."
        )
    alike = {name: found["likeness"][name] for name in ("rbf", "polynomial")}
    best = max(alike, key=lambda name: alike[name])
    # Where all values are small, any two kernels are alike: both are nearly the identity.
    if alike[best] >= _ALIKE and found["concentration"]["mean"] > _CONCENTRATED:
        remarks.append(
            f"The tuned quantum kernel is nearly a classical one: its centred alignment with a "
            f"{best} kernel is {alike[best]:.3f}."
        )
    if "geometric_difference" in found:
        remarks.append(_geometry(found["geometric_difference"], found["root_n"]))
    if shots := found["concentration"].get("repetitions_for_spread"):
        remarks.append(
            f"On hardware each kernel value would need about {shots:.3g} repetitions to be known "
            "better than values differ from each other."
        )
    return remarks


def _geometry(found: Mapping[str, Any], root_n: float) -> str:
    """Return what g bounds: the ratio of the two error bounds, whatever the labels."""
    said = (
        "For any labels that both fit exactly, the bound on the error of the nearest classical "
        f"kernel ({found['from']}) is at most g = {found['g']:.3g} times the quantum kernel's "
        f"({found['g_regularized']:.3g} with a regularisation of 0.01, √N = {root_n:.3g})"
    )
    if found["g"] < _FAR:
        return f"{said}: no labels are much easier for the quantum kernel."
    return (
        f"{said}: there may be labels that suit it better, which says nothing about the given ones."
    )
