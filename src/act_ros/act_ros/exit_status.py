# SPDX-License-Identifier: Apache-2.0
"""Exit statuses of nodes that mean more than that something failed."""

UNSAFE = 3
"""Of the doctor: it found what makes it unsafe to move the arms."""
HUNG = 3
"""Of a node that commands arms: its control loop hung, or the arms could not be brought to rest."""
