"""Gram matrices past one memory, one process and one machine.

What lives here: `gram_matrix` and `gram_chunked`, which fill a kernel matrix tile by tile, and
`GramStore`, a matrix on disk that survives kills and grows. What is compared, and how, is the
business of kernels and evaluators: here a kernel is something that prepares and compares blocks.
"""

from qkernels.gram.chunks import DamagedChunk
from qkernels.gram.matrix import gram_chunked, gram_matrix
from qkernels.gram.store import GramStore, IncompleteGram

__all__ = ["DamagedChunk", "GramStore", "IncompleteGram", "gram_chunked", "gram_matrix"]
