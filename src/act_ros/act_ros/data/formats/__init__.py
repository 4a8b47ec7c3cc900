# SPDX-License-Identifier: Apache-2.0
"""Episodes as they lie on disk: ALOHA's HDF5 in its dialects, and a collection of any kind."""
