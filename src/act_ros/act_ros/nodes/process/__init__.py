# SPDX-License-Identifier: Apache-2.0
"""How a process of nodes starts, runs and ends. It imports no node."""
