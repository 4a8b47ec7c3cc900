# SPDX-License-Identifier: Apache-2.0
"""The robot: joint layout, grippers, cameras, images, and the types handed between stages."""
