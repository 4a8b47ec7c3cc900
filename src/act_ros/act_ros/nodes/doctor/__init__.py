# SPDX-License-Identifier: Apache-2.0
"""The doctor: looks at the machine, the topics and the drivers, and says what to do about what is wrong."""
