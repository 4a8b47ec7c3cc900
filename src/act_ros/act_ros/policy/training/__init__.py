# SPDX-License-Identifier: Apache-2.0
"""Training: samples, the loop, and the files of a run."""
