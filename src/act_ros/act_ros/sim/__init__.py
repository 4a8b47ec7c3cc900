# SPDX-License-Identifier: Apache-2.0
"""The simulator: MuJoCo worlds of the two tasks, cameras, and the scripted operator."""

import ctypes
import os


def _choose_opengl() -> None:
    """Tell MuJoCo which off-screen OpenGL to use: EGL where there is one, else OSMesa.

    It looks when it is imported, so this must come before; a MUJOCO_GL that is set is left alone.
    """
    if 'MUJOCO_GL' in os.environ:
        return
    for name, library in (('egl', 'libEGL.so.1'), ('osmesa', 'libOSMesa.so.8')):
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        os.environ['MUJOCO_GL'] = name
        return


_choose_opengl()
