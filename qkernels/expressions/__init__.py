"""Symbolic expressions of data and parameters: values, derivatives and text.

`ExpressionTable` evaluates expressions at many points at once, and their derivatives; `to_tree`
and `from_tree` write expressions as nested lists and read them back. What a circuit does with the
values, and which symbols are data and which are parameters, is not known here.
"""

from qkernels.expressions.table import ExpressionTable
from qkernels.expressions.trees import from_tree, to_tree

__all__ = ["ExpressionTable", "from_tree", "to_tree"]
