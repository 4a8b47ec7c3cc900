# SPDX-License-Identifier: Apache-2.0
# Which PyTorch: PyPI's is built for CUDA, 3 GB to download that are of no use without an NVIDIA GPU.
# Sourced by scripts/setup.sh, which sets $python and $pip.

cpu_index="${TORCH_CPU_INDEX:-https://download.pytorch.org/whl/cpu}"

# Whether this machine has an NVIDIA GPU, with its driver or yet without.
has_nvidia_gpu() {
    local device
    for device in "${pci_devices:-/sys/bus/pci/devices}"/*/; do
        case "$(cat "$device/vendor" 2>/dev/null) $(cat "$device/class" 2>/dev/null)" in
            0x10de\ 0x03*) return 0 ;;
        esac
    done
    [ -e "${nvidia_device:-/dev/nvidiactl}" ] || [ -e "${wsl_device:-/dev/dxg}" ]
}

# Install the build for the CPU of the PyTorch that is pinned, where that is of use and its index can be reached.
# What follows finds it installed, or takes what pip finds by itself.
install_cpu_torch() {
    local pin
    pin="$(sed -n 's/^\(torch==[^ ;]*\).*/\1/p' requirements.txt)"
    if has_nvidia_gpu; then
        echo "an NVIDIA GPU is here: $pin as pip finds it"
    elif [ "$(uname -m)" != x86_64 ]; then
        echo "$pin as pip finds it: for this processor there is no other"
    elif "$python" - "$pin" 2>/dev/null <<'PY'
import sys
from importlib.metadata import version
sys.exit(f'torch=={version("torch").partition("+")[0]}' != sys.argv[1])
PY
    then
        echo "$pin is installed already"
    elif "${pip[@]}" --no-deps --timeout 10 --retries 0 --index-url "$cpu_index" "$pin"; then
        echo "no NVIDIA GPU is here: $pin for the CPU"
    else
        echo "$cpu_index cannot be reached: $pin as pip finds it"
    fi
}

# One line on the PyTorch that is installed.
describe_torch() {
    "$python" - <<'PY'
from importlib.metadata import distributions

size, found = 0, ''
for distribution in distributions():
    name = distribution.metadata['Name'].lower()
    if name in ('torch', 'triton') or name.startswith('nvidia-'):
        size += sum(file.size or 0 for file in distribution.files or ())
        found = distribution.version if name == 'torch' else found
print(f'PyTorch {found}: {size / 1e9:.1f} GB with what it brings')
PY
}
