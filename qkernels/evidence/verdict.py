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
    """
    classical = {name: d for name, d in differences.items() if name != "unentangled"}
    sentences = [_conclusion(scores, classical, scoring)] if classical else []
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
    if difference.high < 0:
        return f"No evidence of an advantage: the best classical kernel is better ({numbers})."
    if all(d.low > 0 for d in differences.values()):
        return (
            "The quantum kernel is better than every classical baseline on these data "
            f"({numbers}): evidence for these data and these baselines, not for others."
        )
    if difference.low > 0:
        return (
            "No clear evidence of an advantage: the quantum kernel is better than the best "
            f"classical kernel, but not than all of them ({numbers})."
        )
    return f"No evidence of an advantage: the difference may well be chance ({numbers})."


def _entanglement(difference: Interval, scoring: str) -> str:
    if difference.low > 0:
        return f"Entanglement helps: without it {scoring} falls by {difference}."
    if difference.high < 0:
        return f"Entanglement hurts: without it {scoring} rises; the difference is {difference}."
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
    shots = found["concentration"]["repetitions_for_spread"]
    remarks.append(
        f"On hardware each kernel value would need about {shots:.3g} repetitions to be known "
        "better than values differ from each other."
    )
    return remarks


def _geometry(found: Mapping[str, Any], root_n: float) -> str:
    """Return what g bounds: the ratio of the two error bounds, whatever the labels."""
    said = (
        f"Whatever the labels, the bound on the error of the nearest classical kernel "
        f"({found['from']}) is at most g = {found['g']:.3g} times the quantum kernel's "
        f"({found['g_regularized']:.3g} with a regularisation of 0.01, √N = {root_n:.3g})"
    )
    if found["g"] < _FAR:
        return f"{said}: no labels can make the quantum kernel much better."
    return (
        f"{said}: there may be labels that suit it better, which says nothing about the given ones."
    )
