"""Arrays of sympy expressions that NumPy's functions take.

NumPy's arrays of objects know arithmetic, but neither `np.sin` nor what a number is. Here is an
array class that does; which package needs it is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

from qkernels.expressions.functions import FUNCTIONS


def _is_elementary(kind: type) -> bool:
    # Comparisons stay NumPy's own: x == 0 has to be False, not an equation.
    return issubclass(kind, sympy.Function)


_ELEMENTS = np.frompyfunc(lambda a: a.item() if isinstance(a, np.ndarray) else a, 1, 1)


def _plain(value: Any) -> Any:
    """Return an array as NumPy's own, whose elements are no arrays."""
    if not isinstance(value, np.ndarray):
        return value
    plain = value.view(np.ndarray)
    return _ELEMENTS(plain) if plain.dtype == object else plain


_SYMPY: dict[Any, Callable] = {
    **{
        f: kind for kind, f in FUNCTIONS.items() if isinstance(f, np.ufunc) and _is_elementary(kind)
    },
    **{np.sqrt: sympy.sqrt, np.sign: sympy.sign, np.arctan2: sympy.atan2},
    **{np.log2: lambda a: sympy.log(a, 2), np.log10: lambda a: sympy.log(a, 10)},
    **{np.log1p: lambda a: sympy.log(1 + a), np.expm1: lambda a: sympy.exp(a) - 1},
    **{np.deg2rad: sympy.rad, np.hypot: lambda a, b: sympy.sqrt(a**2 + b**2)},
}


def _is_euclidean(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> bool:
    of_vectors = x.ndim == 1 or isinstance(axis, int)
    return ord is None or (of_vectors and ord == 2)


def _euclidean_norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    # NumPy's own takes the root of a plain array.
    return np.sqrt(np.sum(np.abs(x) ** 2, axis=axis, keepdims=keepdims))


class SymbolicArray(np.ndarray):
    """An array of sympy expressions; one of its elements is such an array too, without axes.

    Examples
    --------
    >>> x = SymbolicArray.of(sympy.symbols("x:2"))
    >>> np.sin(x) * x[0]
    SymbolicArray([x0*sin(x0), x0*sin(x1)])
    """

    @classmethod
    def of(cls, values: Any) -> SymbolicArray:
        """Return the values as an array."""
        return np.asarray(_plain(np.array(values, dtype=object)), dtype=object).view(cls)

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return found if isinstance(found, SymbolicArray) else type(self).of(found)

    def __repr__(self) -> str:
        return f"SymbolicArray({self.tolist()})"

    __str__ = __repr__

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "__call__" and ufunc in _SYMPY:
            ufunc = np.frompyfunc(_SYMPY[ufunc], ufunc.nin, 1)
        if "out" in options:
            options["out"] = tuple(a.view(np.ndarray) for a in options["out"])
        try:
            result = getattr(ufunc, method)(*map(_plain, inputs), **options)
        except (TypeError, AttributeError) as error:
            raise TypeError(f"no {ufunc.__name__} of symbols: {error}") from error
        is_symbolic = isinstance(result, sympy.Basic) or np.asarray(result).dtype == object
        return type(self).of(result) if is_symbolic else result

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        if function is np.linalg.norm and _is_euclidean(*inputs, **options):
            return _euclidean_norm(*inputs, **options)
        result = super().__array_function__(function, types, inputs, options)
        is_symbolic = isinstance(result, np.ndarray) and result.dtype == object
        return type(self).of(result) if is_symbolic else result

    @property  # type: ignore[misc]
    def real(self) -> SymbolicArray:  # type: ignore[override]
        """The real parts."""
        return self._each(sympy.re)

    @property  # type: ignore[misc]
    def imag(self) -> SymbolicArray:  # type: ignore[override]
        """The imaginary parts."""
        return self._each(sympy.im)

    def _each(self, function: Callable) -> SymbolicArray:
        return type(self).of(np.frompyfunc(function, 1, 1)(self.view(np.ndarray)))
