"""Products of complex matrices, one for each point of a register: the step of all contractions.

A matrix is a tuple of four: its planes of real and imaginary parts, (n, lanes) arrays with an
element in a row, the row of the first element, and how many rows of these one row of the matrix is
from the next. Blocks of the result stay in registers while the sum runs; small products have code
of their own, without loops. What is multiplied, and why, is the other loops' business.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from qkernels.loops.jit import jit
from qkernels.loops.lanes import Lanes, vector_function

# Rows and columns of a block: more sums, with the factors, would not fit 32 registers.
_ROWS, _COLUMNS = (2, 1), (4, 2, 1)
# So many terms are summed at a time: more of what they read would not fit the first cache.
_DEPTH = 64
# Tensors with bonds up to this are unrolled; for wider ones the loops cost little.
_UNROLLED_BOND = 3


class _Matrix:
    """Loads and stores a matrix's elements; those of plain numbers fill registers."""

    def __init__(self, context, builder, operand_type, operand):
        array_type = operand_type[0]
        *planes, self.first, self.stride = cgutils.unpack_tuple(builder, operand)
        self._builder = builder
        self._lanes = Lanes(array_type.dtype)
        self._vector = context.get_value_type(self._lanes)
        self._align = array_type.dtype.bitwidth // 8
        self._width = self._lanes.count if array_type.ndim == 2 else 1
        self._data = [context.make_array(array_type)(context, builder, p).data for p in planes]

    def _pointers(self, row, column):
        place = self._builder.add(self._builder.mul(row, self.stride), column)
        first = self._builder.mul(self._builder.add(self.first, place), place.type(self._width))
        return [self._builder.gep(plane, [first]) for plane in self._data]

    def load(self, row, column):
        """Return real and imaginary part of an element."""
        pointers = self._pointers(row, column)
        if self._width == 1:
            return [self._splat(self._builder.load(pointer)) for pointer in pointers]
        vectors = [self._builder.bitcast(p, self._vector.as_pointer()) for p in pointers]
        return [self._builder.load(vector, align=self._align) for vector in vectors]

    def _splat(self, scalar):
        index = ir.IntType(32)
        undefined = ir.Constant(self._vector, ir.Undefined)
        first = self._builder.insert_element(undefined, scalar, index(0))
        mask = ir.Constant(ir.VectorType(index, self._lanes.count), [0] * self._lanes.count)
        return self._builder.shuffle_vector(first, undefined, mask)

    def store(self, values, row, column):
        """Write real and imaginary part of an element."""
        for value, pointer in zip(values, self._pointers(row, column), strict=True):
            vector = self._builder.bitcast(pointer, self._vector.as_pointer())
            self._builder.store(value, vector, align=self._align)

    def zeros(self):
        """Return variables for the real and imaginary part of a sum, both 0."""
        zero = ir.Constant(self._vector, [0.0] * self._lanes.count)
        sums = [cgutils.alloca_once(self._builder, self._vector) for _ in range(2)]
        for sum_ in sums:
            self._builder.store(zero, sum_)
        return sums


def _add_product(builder, sums, x, y, *, conjugate):
    """Add x y, or conj(x) y, to a sum."""
    terms = [(0, 0, 0, False), (1, 0, 1, False), (0, 1, 1, not conjugate), (1, 1, 0, conjugate)]
    for part, of_x, of_y, negative in terms:
        product = builder.fmul(x[of_x], y[of_y], flags=("contract",))
        combine = builder.fsub if negative else builder.fadd
        total = combine(builder.load(sums[part]), product, flags=("contract",))
        builder.store(total, sums[part])


def _steps(builder, depth):
    """Loop over a range of terms, or repeat the body for each where their number is known."""
    if isinstance(depth, int):
        yield from map(ir.IntType(64), range(depth))
    else:
        one = depth[0].type(1)
        with cgutils.for_range_slice(builder, *depth, one) as (index, _):
            yield index


def _strips(builder, size, widths):
    """Loop over strips of each width, widest first: (width, first) in the body of each loop."""
    start = size.type(0)
    for width in widths:
        rest = builder.urem(builder.sub(size, start), size.type(width))
        stop = builder.sub(size, rest)
        with cgutils.for_range_slice(builder, start, stop, size.type(width)) as (first, _):
            yield width, first
        start = stop


def _block(builder, matrices, corner, shape, depth, *, adjoint):
    """Sum one block of the result in registers: `shape` elements from `corner` on.

    `depth` is how many terms there are, or the first and the end of some of them, which are added
    to what is there if they are not the first.
    """
    out, x, y = matrices
    rows, columns = (
        [builder.add(first, first.type(n)) for n in range(count)]
        for first, count in zip(corner, shape, strict=True)
    )
    sums = {place: out.zeros() for place in np.ndindex(shape)}
    if not isinstance(depth, int):
        with builder.if_then(builder.icmp_signed(">", depth[0], depth[0].type(0))):
            for (r, c), sum_ in sums.items():
                for part, value in zip(sum_, out.load(rows[r], columns[c]), strict=True):
                    builder.store(value, part)
    for k in _steps(builder, depth):
        right = [y.load(k, column) for column in columns]
        for r, row in enumerate(rows):
            left = x.load(k, row) if adjoint else x.load(row, k)
            for c, factor in enumerate(right):
                _add_product(builder, sums[r, c], left, factor, conjugate=adjoint)
    for (r, c), sum_ in sums.items():
        out.store([builder.load(part) for part in sum_], rows[r], columns[c])


def _any_product(builder, matrices, size, *, adjoint):
    """Emit a product as loops over blocks."""
    rows, depth, columns = size
    step = depth.type(_DEPTH)
    with cgutils.for_range_slice(builder, depth.type(0), depth, step) as (first, _):
        end = builder.add(first, step)
        end = builder.select(builder.icmp_signed("<", end, depth), end, depth)
        for width, column in _strips(builder, columns, _COLUMNS):
            for height, row in _strips(builder, rows, _ROWS):
                shape = height, width
                _block(builder, matrices, (row, column), shape, (first, end), adjoint=adjoint)


def _small_product(builder, matrices, size, *, adjoint):
    """Emit one small product of dense matrices with all numbers known."""
    rows, depth, columns = size
    index = ir.IntType(64)
    strides = columns, rows if adjoint else depth, columns
    for matrix, stride in zip(matrices, strides, strict=True):
        matrix.stride = index(stride)
    for column in range(0, columns, _UNROLLED_BOND):
        shape = rows, min(_UNROLLED_BOND, columns - column)
        _block(builder, matrices, (index(0), index(column)), shape, depth, adjoint=adjoint)


def _small_sizes(*, adjoint):
    """Return rows, depth and columns of the products with a tensor of two spins and small bonds."""
    bonds = range(1, _UNROLLED_BOND + 1)
    spins = range(2, 2 * _UNROLLED_BOND + 1, 2)
    depths, columns = (spins, bonds) if adjoint else (bonds, spins)
    return [(r, k, c) for r in bonds for k in depths for c in columns]


def _which_small(builder, matrices, size, *, adjoint):
    """Return the number of the small size (see `_number`), or 0 if it is another or has gaps."""
    rows, depth, columns = size
    strides = columns, rows if adjoint else depth, columns
    dense = [
        builder.icmp_signed("==", matrix.stride, stride)
        for matrix, stride in zip(matrices, strides, strict=True)
    ]
    base = 2 * _UNROLLED_BOND + 1
    small = [builder.icmp_unsigned("<", n, n.type(base)) for n in size]
    number = rows
    for n in (depth, columns):
        number = builder.add(builder.mul(number, n.type(base)), n)
    fits = dense[0]
    for condition in (*dense[1:], *small):
        fits = builder.and_(fits, condition)
    return builder.select(fits, number, rows.type(0))


def _number(size):
    base = 2 * _UNROLLED_BOND + 1
    return (size[0] * base + size[1]) * base + size[2]


def _multiplication(*, adjoint, unrolled=True):
    """Return the code of out = x y, or of out = x^H y; `unrolled` for small ones."""

    def multiply(typing_context, out, x, y, rows, depth, columns):
        def codegen(context, builder, sig, args):
            def matrices():
                return [_Matrix(context, builder, sig.args[k], args[k]) for k in range(3)]

            size = args[3:]
            if not unrolled:
                _any_product(builder, matrices(), size, adjoint=adjoint)
                return context.get_dummy_value()
            end = builder.append_basic_block("end")
            loops = builder.append_basic_block("loops")
            which = _which_small(builder, matrices(), size, adjoint=adjoint)
            switch = builder.switch(which, loops)
            for known in _small_sizes(adjoint=adjoint):
                case = builder.append_basic_block("small")
                switch.add_case(which.type(_number(known)), case)
                builder.position_at_end(case)
                _small_product(builder, matrices(), known, adjoint=adjoint)
                builder.branch(end)
            builder.position_at_end(loops)
            _any_product(builder, matrices(), size, adjoint=adjoint)
            builder.branch(end)
            builder.position_at_end(end)
            return context.get_dummy_value()

        return types.void(out, x, y, types.intp, types.intp, types.intp), codegen

    return multiply


def _places(matrix, rows, columns):
    """Return where the elements of a matrix are."""
    _, _, first, stride = matrix
    return first + stride * np.arange(rows)[:, None] + np.arange(columns)


def _read(matrix, rows, columns):
    """Return a matrix of complex numbers or lanes."""
    places = _places(matrix, rows, columns)
    return (matrix[0][places] + 1j * matrix[1][places]).reshape(rows, columns, -1)


def _write(out, values):
    places = _places(out, *values.shape[:2])
    out[0][places], out[1][places] = values.real, values.imag


def _plain_multiply(out, x, y, rows, depth, columns):
    """Write the product of a (rows, depth) and a (depth, columns) matrix, of depth 1 at least.

    The planes of x may be of one dimension: the same matrix for all points.
    """
    left, right = _read(x, rows, depth), _read(y, depth, columns)
    _write(out, (left[:, :, None] * right[None]).sum(axis=1))


def _plain_multiply_adjoint(out, x, y, rows, depth, columns):
    """Write the product of the adjoint of a (depth, rows) and a (depth, columns) matrix.

    The depth is 1 at least.

    The planes of x may be of one dimension: the same matrix for all points.
    """
    left, right = _read(x, depth, rows).conj(), _read(y, depth, columns)
    _write(out, (left[:, :, None] * right[:, None]).sum(axis=0))


multiply = vector_function(_multiplication(adjoint=False), _plain_multiply)
multiply_adjoint = vector_function(_multiplication(adjoint=True), _plain_multiply_adjoint)

_multiply_in_loops = vector_function(
    _multiplication(adjoint=False, unrolled=False), _plain_multiply
)
_multiply_adjoint_in_loops = vector_function(
    _multiplication(adjoint=True, unrolled=False), _plain_multiply_adjoint
)


@jit
def apart(width):
    """Return how far long rows of a matrix are best apart: an odd multiple of 4.

    A power of two would bring them to the same few places of the first cache.
    """
    return 4 * ((width + 3) // 4 | 1)


@jit
def product(out, x, y, rows, depth, columns):
    """Write a product as `multiply` does, by code that is short and stands here alone.

    What calls it compiles faster; of matrices with some ten rows, it is as fast.
    """
    _multiply_in_loops(out, x, y, rows, depth, columns)


@jit
def adjoint_product(out, x, y, rows, depth, columns):
    """Write a product as `multiply_adjoint` does, by code that is short, as `product`."""
    _multiply_adjoint_in_loops(out, x, y, rows, depth, columns)
