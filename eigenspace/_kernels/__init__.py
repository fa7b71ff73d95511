"""Compiled loops over float64 arrays: the only place that knows numba.

The kernels validate nothing and know no network.  Import the submodules where they are needed, never at the top of
a module, so that ``import eigenspace`` compiles and loads nothing.
"""
