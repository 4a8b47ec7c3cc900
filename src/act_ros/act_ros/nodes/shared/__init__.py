# SPDX-License-Identifier: Apache-2.0
"""What several nodes share: messages, topics, parameters. It imports no node."""
