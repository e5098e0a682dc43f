"""A map with other names for its trainable symbols, so that two can stand in one circuit."""

from __future__ import annotations

import sympy

from qkernels.feature_maps.feature_map import FeatureMap
from qkernels.feature_maps.flattening import substitute, unroll


def with_suffix(feature_map: FeatureMap, suffix: str) -> FeatureMap:
    """Return the map with trainable symbols whose names end in a suffix.

    Parameters
    ----------
    feature_map : FeatureMap
    suffix : str

    Returns
    -------
    FeatureMap
        Its subcircuits are unrolled.

    Examples
    --------
    >>> from qkernels.feature_maps import hardware_efficient
    >>> print(with_suffix(hardware_efficient(1, layers=1), "_1"))
    0: ───Rx(x0)───Ry(theta0_1)───Rz(theta1_1)───
    """
    new = {s: sympy.Symbol(f"{s.name}{suffix}") for s in feature_map.parameter_symbols}

    def rename(expression: sympy.Expr) -> sympy.Expr:
        return expression.xreplace(new)

    circuit = substitute(unroll(feature_map.circuit), rename, rename)
    return FeatureMap(
        circuit, feature_map.feature_symbols, tuple(new.values()), name=feature_map.name
    )
