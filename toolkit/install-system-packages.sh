#!/bin/sh
# Install the Debian packages that ocrm55 needs: the cross compiler, the simulator, the build tools, and the
# shared libraries that the wheels of OpenCV and Paddle expect; with the argument `tests` also what only the tests
# use: a second compiler, its analyser, fonts to draw text with, a browser, and Arduino's builder.  Says what it does
# before it does it; does nothing when all are there; where it may not install, it names the command and fails.
set -eu

packages="qemu-system-arm gcc-arm-none-eabi libnewlib-arm-none-eabi cmake ninja-build gcc libc6-dev libgl1 libglib2.0-0 libgomp1"
if [ "${1:-}" = tests ]; then
    packages="$packages clang-19 libclang-rt-19-dev llvm-19 fonts-dejavu-core fonts-freefont-ttf fonts-liberation fonts-open-sans"
    # Ubuntu has Chromium as a snap only; there the tests take Chrome, or say that there is no browser.
    if [ "$(. /etc/os-release 2>/dev/null && echo "${ID:-}")" = debian ]; then
        packages="$packages chromium"
    fi
    # Debian 12 has Arduino's builder; elsewhere its test is skipped.
    if [ "$(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-}")" = bookworm ]; then
        packages="$packages arduino-builder"
    fi
fi
# A virtual environment needs ensurepip, which Debian splits off from its own Python.
if ! "${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null; then
    packages="$packages python3-venv"
fi

missing=""
for package in $packages; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
    exit 0
fi

echo "ocrm55 needs these system packages:$missing" >&2
if ! command -v apt-get >/dev/null; then
    echo "error: there is no apt-get on this system; install the equivalents of:$missing" >&2
    exit 4
fi
run=""
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        run="sudo"
    else
        echo "error: installing needs root; run this, then try again:" >&2
        echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends$missing" >&2
        exit 4
    fi
fi
echo "installing them with apt-get ..." >&2
$run apt-get update -qq
DEBIAN_FRONTEND=noninteractive $run apt-get install -y -qq --no-install-recommends $missing >/dev/null
