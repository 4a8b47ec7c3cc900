# SPDX-License-Identifier: Apache-2.0
"""The recorder node: what it hears, and the episodes that it begins and ends."""
