# SPDX-License-Identifier: Apache-2.0
"""What computes a policy's network: PyTorch, OpenVINO or ONNX Runtime, behind one interface."""
