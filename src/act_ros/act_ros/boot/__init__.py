# SPDX-License-Identifier: Apache-2.0
"""How a child process begins; nothing else may lie here, because Python looks for modules beside what it runs."""
