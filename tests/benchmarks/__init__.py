"""Times qkernels beside the other packages that compute quantum kernels, in one run.

What lives here: nothing but this paragraph. Run `python -m tests.benchmarks --quick` from the root
of the checkout for a first look, without `--quick` for the measurement, and with `--help` for the
choices. `works.py` says what is computed, `peers/` how each package computes it, `runner.py` takes
turns and times, `fresh.py` measures new processes, `scale.py` Gram matrices past one memory,
`wide.py` wide circuits beside quimb, all three by way of `processes.py`; `report.py`,
`wide_report.py` and `picture.py` show the outcome. The packages to compare with come with the
extra `bench`.
"""
