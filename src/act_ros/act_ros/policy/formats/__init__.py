# SPDX-License-Identifier: Apache-2.0
"""Readers of checkpoints: what a file of any known format holds, told in this suite's words. No PyTorch here."""
