"""Products of complex matrices, one for each point of a register: the step of all contractions.

Matrices are C-ordered, an element a row of lanes, real and imaginary parts in two planes. Blocks of
the result stay in registers while the sum runs. What is multiplied, and why, is the other loops'
business.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils

from qkernels.loops.jit import jit
from qkernels.loops.lanes import Lanes, vector_function

# Rows and columns of a block: with two planes of sums, factors and a row, they fill 32 registers.
_ROWS, _COLUMNS = (2, 1), (4, 2, 1)


class _Plane:
    """Where a matrix's elements are: loads and stores registers, and fills them with scalars."""

    def __init__(self, context, builder, array_type, array):
        self._builder = builder
        self._lanes = Lanes(array_type.dtype)
        self._vector = context.get_value_type(self._lanes)
        self._align = array_type.dtype.bitwidth // 8
        self._data = context.make_array(array_type)(context, builder, array).data
        self._width = self._lanes.count if array_type.ndim == 2 else 1

    def _pointer(self, element):
        first = self._builder.mul(element, ir.Constant(element.type, self._width))
        return self._builder.gep(self._data, [first])

    def load(self, element):
        pointer = self._pointer(element)
        if self._width == 1:
            return self._splat(self._builder.load(pointer))
        vector = self._builder.bitcast(pointer, self._vector.as_pointer())
        return self._builder.load(vector, align=self._align)

    def _splat(self, scalar):
        index = ir.IntType(32)
        undefined = ir.Constant(self._vector, ir.Undefined)
        first = self._builder.insert_element(undefined, scalar, ir.Constant(index, 0))
        mask = ir.Constant(ir.VectorType(index, self._lanes.count), [0] * self._lanes.count)
        return self._builder.shuffle_vector(first, undefined, mask)

    def store(self, value, element):
        vector = self._builder.bitcast(self._pointer(element), self._vector.as_pointer())
        self._builder.store(value, vector, align=self._align)

    def sums(self, count):
        sums = [cgutils.alloca_once(self._builder, self._vector) for _ in range(count)]
        for sum_ in sums:
            self._builder.store(ir.Constant(self._vector, [0.0] * self._lanes.count), sum_)
        return sums


def _planes(context, builder, pair_type, pair):
    arrays = cgutils.unpack_tuple(builder, pair)
    return [_Plane(context, builder, pair_type.dtype, array) for array in arrays]


def _add_product(builder, sum_, x, y, *, negative):
    product = builder.fmul(x, y, flags=("contract",))
    combine = builder.fsub if negative else builder.fadd
    builder.store(combine(builder.load(sum_), product, flags=("contract",)), sum_)


def _strips(builder, size, widths):
    """Loop over strips of each width, widest first: (width, first) in the body of each loop."""
    for width in widths:
        start = builder.and_(size, size.type(-2 * width)) if width < widths[0] else size.type(0)
        stop = builder.and_(size, size.type(-width))
        with cgutils.for_range_slice(builder, start, stop, size.type(width)) as (first, _):
            yield width, first


def _multiplication(*, adjoint):
    """Return the code of out = x y, or of out = x^H y, with x given as lanes or as scalars."""

    def block(builder, out, x, y, corner, size, shape):
        """Sum one block of the result in registers: `shape` elements from `corner` on."""
        rows, depth, columns = size
        one = depth.type(1)
        row_step, step = (one, rows) if adjoint else (depth, one)
        places = [(r, c) for r in range(shape[0]) for c in range(shape[1])]
        real, imag = (plane.sums(len(places)) for plane in out)
        with cgutils.for_range(builder, depth) as loop:
            k = loop.index
            below = builder.add(corner[1], builder.mul(k, columns))
            right = [
                [plane.load(builder.add(below, k.type(c))) for plane in y] for c in range(shape[1])
            ]
            first = builder.add(builder.mul(corner[0], row_step), builder.mul(k, step))
            left = [
                [plane.load(builder.add(first, builder.mul(row_step, k.type(r)))) for plane in x]
                for r in range(shape[0])
            ]
            for re, im, (r, c) in zip(real, imag, places, strict=True):
                (x_re, x_im), (y_re, y_im) = left[r], right[c]
                _add_product(builder, re, x_re, y_re, negative=False)
                _add_product(builder, im, x_re, y_im, negative=False)
                _add_product(builder, re, x_im, y_im, negative=not adjoint)
                _add_product(builder, im, x_im, y_re, negative=adjoint)
        for re, im, (r, c) in zip(real, imag, places, strict=True):
            row = builder.mul(builder.add(corner[0], depth.type(r)), columns)
            element = builder.add(builder.add(row, corner[1]), depth.type(c))
            for plane, sum_ in zip(out, (re, im), strict=True):
                plane.store(builder.load(sum_), element)

    def multiply(typing_context, out, x, y, rows, depth, columns):
        def codegen(context, builder, sig, args):
            planes = [_planes(context, builder, sig.args[k], args[k]) for k in range(3)]
            size = args[3:]
            for width, column in _strips(builder, size[2], _COLUMNS):
                for height, row in _strips(builder, size[0], _ROWS):
                    block(builder, *planes, (row, column), size, (height, width))
            return context.get_dummy_value()

        return types.void(out, x, y, types.intp, types.intp, types.intp), codegen

    return multiply


def _matrix(pair, rows, columns):
    """Return a matrix of complex numbers or lanes."""
    size = rows * columns
    return (pair[0][:size] + 1j * pair[1][:size]).reshape(rows, columns, -1)


def _write_matrix(out, matrix):
    values = matrix.reshape(-1, matrix.shape[-1])
    out[0][: len(values)], out[1][: len(values)] = values.real, values.imag


def _plain_multiply(out, x, y, rows, depth, columns):
    left, right = _matrix(x, rows, depth), _matrix(y, depth, columns)
    _write_matrix(out, (left[:, :, None] * right[None]).sum(axis=1))


def _plain_multiply_adjoint(out, x, y, rows, depth, columns):
    left, right = _matrix(x, depth, rows).conj(), _matrix(y, depth, columns)
    _write_matrix(out, (left[:, :, None] * right[:, None]).sum(axis=0))


_multiply = vector_function(_multiplication(adjoint=False), _plain_multiply)
_multiply_adjoint = vector_function(_multiplication(adjoint=True), _plain_multiply_adjoint)


@jit
def multiply(out, x, y, rows, depth, columns):
    """Write the product of a (rows, depth) and a (depth, columns) matrix.

    Parameters
    ----------
    out : pair of (n, lanes) arrays
        Its first rows * columns rows are written.
    x : pair of (n, lanes) or of (n,) arrays
        One dimension: the same matrix for all points.
    y : pair of (n, lanes) arrays
    rows, depth, columns : int
    """
    _multiply(out, x, y, rows, depth, columns)


@jit
def multiply_adjoint(out, x, y, rows, depth, columns):
    """Write the product of the adjoint of a (depth, rows) and a (depth, columns) matrix.

    The parameters are those of `multiply`.
    """
    _multiply_adjoint(out, x, y, rows, depth, columns)
