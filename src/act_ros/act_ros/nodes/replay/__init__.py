# SPDX-License-Identifier: Apache-2.0
"""The replay node: the actions of an episode, sent to the followers again."""
