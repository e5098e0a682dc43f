"""The only Numba code: arrays in, arrays out, one family of formulas a file.

`jit` holds the compiler flags and the threads, `lanes` the vector type that the loops compute
with, `evolution` one block of points through a program, `embedding` and `expectations` many blocks
in parallel, `overlaps` Gram matrices from states; what begins with `mps_` does the like with matrix
product states, by `products` of small matrices. Nothing here knows Cirq, feature maps or kernels.
"""
