# SPDX-License-Identifier: Apache-2.0
"""Episodes while they are recorded: rows on the grid, the log, and the HDF5 file made of it."""
