# SPDX-License-Identifier: Apache-2.0
"""What computes a policy's network: PyTorch, OpenVINO or ONNX Runtime, behind one interface."""

import sys

# With this package beside it OpenVINO reports its use to Google, and its quantizer does; they go without.
sys.modules.setdefault('openvino_telemetry', None)  # type: ignore[arg-type]
