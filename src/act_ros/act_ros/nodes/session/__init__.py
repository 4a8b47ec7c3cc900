# SPDX-License-Identifier: Apache-2.0
"""The recording session: its node, arms and recorder as it knows them, keys, sounds."""
