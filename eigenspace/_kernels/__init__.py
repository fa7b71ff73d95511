"""Compiled loops over float64 arrays: the only place that knows numba.

The kernels validate nothing and know no network.  Import the submodules where they are needed, never at the top of
a module, so that ``import eigenspace`` compiles and loads nothing.
"""

#: terms of a block of a sum: the roundings that one term meets are those of its block and those between blocks
BLOCK = 32
#: sums that run side by side
WIDTH = 8
