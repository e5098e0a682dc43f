"""One 512-bit vector of points as a value: the type that the loops compute with.

A `Lanes` value holds the same amplitude of 8 points (16 in single precision) and knows `+`, `-`
and `*`. LLVM keeps it in one register where the machine has AVX-512 and splits it elsewhere, so a
loop over amplitudes needs no luck with auto-vectorisation. Arrays that hold lanes are C-ordered
with a last axis of exactly that length. Without JIT the same functions work on NumPy rows. No
formula of quantum mechanics lives here.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

REGISTER_BYTES = 64


def lane_count(dtype: np.dtype | type) -> int:
    """Return how many points one register holds: 8 of float64, 16 of float32."""
    return REGISTER_BYTES // np.dtype(dtype).itemsize


class Lanes(types.Type):
    """Numba's type of a register full of points."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.count = 8 * REGISTER_BYTES // dtype.bitwidth
        super().__init__(name=f"Lanes({dtype})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        element = ir.DoubleType() if lanes.dtype == types.float64 else ir.FloatType()
        super().__init__(manager, lanes, ir.VectorType(element, lanes.count))


def _pointer_to_row(context, builder, array_type, array, row, lanes):
    data = context.make_array(array_type)(context, builder, array).data
    first = builder.mul(row, ir.Constant(row.type, lanes.count))
    vector = context.get_value_type(lanes)
    return builder.bitcast(builder.gep(data, [first]), vector.as_pointer())


def _load(typing_context, array, row):
    lanes = Lanes(array.dtype)

    def codegen(context, builder, sig, args):
        pointer = _pointer_to_row(context, builder, sig.args[0], args[0], args[1], lanes)
        return builder.load(pointer, align=lanes.dtype.bitwidth // 8)

    return lanes(array, types.intp), codegen


def _store(typing_context, array, row, value):
    lanes = Lanes(array.dtype)

    def codegen(context, builder, sig, args):
        pointer = _pointer_to_row(context, builder, sig.args[0], args[0], args[1], lanes)
        builder.store(args[2], pointer, align=lanes.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), codegen


def _fill(typing_context, array, value):
    lanes = Lanes(array.dtype)

    def codegen(context, builder, sig, args):
        scalar = context.cast(builder, args[1], sig.args[1], lanes.dtype)
        vector = ir.Constant(context.get_value_type(lanes), ir.Undefined)
        first = builder.insert_element(vector, scalar, ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes.count), [0] * lanes.count)
        return builder.shuffle_vector(first, vector, mask)

    return lanes(array, value), codegen


def _parity(typing_context, bits):
    def codegen(context, builder, sig, args):
        return builder.and_(builder.ctpop(args[0]), ir.Constant(args[0].type, 1))

    return types.int64(types.int64), codegen


def _take_next(typing_context, counter):
    def codegen(context, builder, sig, args):
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        return builder.atomic_rmw("add", data, ir.Constant(ir.IntType(64), 1), "monotonic")

    return types.int64(counter), codegen


def _transpose(typing_context, out, place, stride, source, first, step):
    lanes = Lanes(source.dtype)
    count = lanes.count

    def codegen(context, builder, sig, args):
        vector = context.get_value_type(lanes)
        align = lanes.dtype.bitwidth // 8

        def row(array, first, step, k):
            data = context.make_array(sig.args[array])(context, builder, args[array]).data
            offset = builder.add(args[first], builder.mul(args[step], args[first].type(k)))
            return builder.bitcast(builder.gep(data, [offset]), vector.as_pointer())

        rows = [builder.load(row(3, 4, 5, k), align=align) for k in range(count)]
        half = 1
        while half < count:
            rows = _swap_blocks(builder, rows, half)
            half *= 2
        for k, value in enumerate(rows):
            builder.store(value, row(0, 1, 2, k), align=align)
        return context.get_dummy_value()

    integers = (types.intp, types.intp)
    return types.void(out, *integers, source, *integers), codegen


def _copy(typing_context, out, place, source, first):
    return _move(out, source, lambda builder, old, new: new)


def _add(typing_context, out, place, source, first):
    return _move(out, source, lambda builder, old, new: builder.fadd(old, new))


def _move(out, source, combine):
    """Return the code that writes one register into another array, combined with what is there."""
    lanes = Lanes(source.dtype)

    def codegen(context, builder, sig, args):
        vector = context.get_value_type(lanes)
        align = lanes.dtype.bitwidth // 8

        def pointer(array):
            data = context.make_array(sig.args[array])(context, builder, args[array]).data
            return builder.bitcast(builder.gep(data, [args[array + 1]]), vector.as_pointer())

        new = builder.load(pointer(2), align=align)
        old = builder.load(pointer(0), align=align)
        builder.store(combine(builder, old, new), pointer(0), align=align)
        return context.get_dummy_value()

    return types.void(out, types.intp, source, types.intp), codegen


def _swap_blocks(builder, rows, half):
    """Swap the off-diagonal blocks of size `half` of each block of twice that size."""
    count = len(rows)
    index = ir.VectorType(ir.IntType(32), count)
    low = ir.Constant(index, [c + count - half if c & half else c for c in range(count)])
    high = ir.Constant(index, [c + count if c & half else c + half for c in range(count)])
    swapped = list(rows)
    for k in range(count):
        if not k & half:
            pair = rows[k], rows[k + half]
            swapped[k] = builder.shuffle_vector(*pair, low)
            swapped[k + half] = builder.shuffle_vector(*pair, high)
    return swapped


def _define_arithmetic(symbol, instruction):
    @infer_global(symbol)
    class Arithmetic(AbstractTemplate):
        def generic(self, args, kws):
            if len(args) == 2 and isinstance(args[0], Lanes) and args[0] == args[1]:
                return signature(args[0], *args)

    @lower_builtin(symbol, Lanes, Lanes)
    def lower(context, builder, sig, args):
        # "contract" lets LLVM fuse a product and a sum into one instruction.
        return getattr(builder, instruction)(*args, flags=("contract",))


if not config.DISABLE_JIT:
    for _symbol, _instruction in (
        (operator.add, "fadd"),
        (operator.sub, "fsub"),
        (operator.mul, "fmul"),
    ):
        _define_arithmetic(_symbol, _instruction)


def vector_function(codegen: Callable, twin: Callable) -> Callable:
    """Return a function that emits `codegen`'s instructions, or its plain twin without JIT."""
    return twin if config.DISABLE_JIT else intrinsic(codegen)


def _plain_load(array, row):
    """Return row `row` of `array` as lanes."""
    return array[row].copy()


def _plain_store(array, row, value):
    """Write lanes into row `row` of `array`."""
    array[row] = value


def _plain_fill(array, value):
    """Return lanes of the dtype of `array` that all hold `value`."""
    return np.full(array.shape[-1], value, dtype=array.dtype)


def _plain_parity(bits):
    """Return 1 if an odd number of bits is set, else 0."""
    return int(bits).bit_count() & 1


_plain_lock = threading.Lock()


def _plain_take_next(counter):
    """Return the first entry of `counter` and add 1 to it, as one step for all threads."""
    with _plain_lock:
        counter[0] += 1
        return counter[0] - 1


def _plain_transpose(out, place, stride, source, first, step):
    """Write a square block of `source`, rows `step` apart, transposed into `out`."""
    count = lane_count(source.dtype)
    values, target = source.reshape(-1), out.reshape(-1)
    block = np.array([values[first + k * step :][:count] for k in range(count)])
    for k, row in enumerate(block.T):
        target[place + k * stride :][:count] = row


def _plain_copy(out, place, source, first):
    """Write a register's worth of numbers from one place to another, in arrays of any shape."""
    count = lane_count(source.dtype)
    out.reshape(-1)[place : place + count] = source.reshape(-1)[first : first + count]


def _plain_add(out, place, source, first):
    """Add a register's worth of numbers to those at another place, in arrays of any shape."""
    count = lane_count(source.dtype)
    out.reshape(-1)[place : place + count] += source.reshape(-1)[first : first + count]


load = vector_function(_load, _plain_load)
store = vector_function(_store, _plain_store)
fill = vector_function(_fill, _plain_fill)
parity = vector_function(_parity, _plain_parity)
take_next = vector_function(_take_next, _plain_take_next)
transpose = vector_function(_transpose, _plain_transpose)
copy = vector_function(_copy, _plain_copy)
add = vector_function(_add, _plain_add)
