# SPDX-License-Identifier: Apache-2.0
"""A recording session as a script: its phases, what the operator's hands ask, and what is shown."""
