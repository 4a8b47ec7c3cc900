# SPDX-License-Identifier: Apache-2.0
"""The policy node: its 50 Hz loop, the inference process behind it, and what it says of itself."""
