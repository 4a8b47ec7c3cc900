# SPDX-License-Identifier: Apache-2.0
"""The scripted operator: hands that do the two tasks."""
