# SPDX-License-Identifier: Apache-2.0
"""Films of the simulation: scenery, captions, and the file they are written to."""
