#!/bin/sh
# Installs the wheels of DIST into a fresh Debian that has nothing else, by pip from a folder, and uses them there as
# a user who has no checkout, no network and no rights:
#
#     tests/release/fresh_root.sh [DIST [ROOT]]     # dist, build/fresh-root; needs root, debootstrap, 6 GB of disk
#
# PYTHON (.venv/bin/python) fetches the packages of others first, in the versions of docker/requirements-dev.txt.
# ROOT is kept: a second run with the same one installs the new wheels only. MIRROR names another mirror of Debian.
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
dist=${1:-$here/dist}
root=${2:-$here/build/fresh-root}
python=${PYTHON:-$here/.venv/bin/python}
index=$root/index

if ! command -v debootstrap >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "error: this needs debootstrap (apt-get install debootstrap) and root" >&2
    exit 4
fi
in_root() { # as root
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}
as_user() { # without rights, and without a network unless $2 says otherwise
    ${2:-unshare --net} chroot --userspec=1000:1000 "$root" env -i PATH=/home/user/venv/bin:/usr/bin:/bin \
        HOME=/home/user LANG=C.UTF-8 COLUMNS=80 sh -c "cd /home/user/work && $1"
}
say() { echo "fresh root: $*"; }

if [ ! -e "$root/.installed" ]; then
    say "Debian 12 into $root"
    mkdir -p "$root"
    [ -e "$root/bin/sh" ] || debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
        bookworm "$root" "${MIRROR:-http://deb.debian.org/debian}" >/dev/null
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    echo "127.0.0.1 localhost" >"$root/etc/hosts"
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/fast" # the folder is thrown away: no need to wait for the disk
    cp "$here/toolkit/install-system-packages.sh" "$root/root/"
    in_root env PYTHON=python3 sh /root/install-system-packages.sh
    in_root useradd --create-home --uid 1000 user
    touch "$root/.installed"
fi
mkdir -p "$index" "$root/home/user/work"
rm -f "$index"/ocrm55*.whl "$index"/ethosu_model*.whl
trap 'umount "$root/proc" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"

say "the wheels, and those that they need"
sed -e 's/ *\\$//' -e '/--hash=/d' -e '/^#/d' "$here/docker/requirements-dev.txt" >"$index/pins.txt"
"$python" -m pip download --quiet --disable-pip-version-check --only-binary :all: --dest "$index" \
    --find-links "$dist" --constraint "$index/pins.txt" "$(echo "$dist"/ocrm55-*.whl)[live,npu]" ethosu-model
cp "$dist"/*.whl "$index/"
in_root python3 -m venv --clear /home/user/venv
in_root /home/user/venv/bin/pip install --quiet --no-index --find-links /index 'ocrm55[live,tvmc,npu]' ethosu-model
in_root /home/user/venv/bin/pip check
in_root chown user:user /home/user /home/user/work # the programs stay root's
cp "$here/models/samples/word_capital.png" "$root/home/user/work/word.png"
cp "$here/tests/release/see_live.py" "$root/home/user/"

say "used by somebody"
wheel=$(basename "$dist"/ocrm55-*.whl)
as_user 'ocrm55 --version' | grep -qx "ocrm55 $(echo "$wheel" | cut -d - -f 2)"
as_user 'ocrm55 doctor'
as_user 'ocrm55 compile'
as_user 'ocrm55 run-fvp word.png' | tee "$root/said"
grep -q '^text: Cambridge, score: 0\.9' "$root/said"
as_user 'python -m ocrm55.page.demo page.png && ocrm55 read page.png --draw read.png' | tee "$root/said"
grep -qx 'Corner Bakery' "$root/said"
grep -qx '2 Rye bread  9.00' "$root/said"
as_user 'rm -rf recognizer out && ocrm55 package --out recognizer && cmake -G Ninja -S recognizer -B out &&
    cmake --build out && out/ocrm55_example' | tee "$root/said"
grep -q Cambridge "$root/said"
as_user 'ocrm55 boards' >/dev/null
as_user 'ocrm55 run-fvp word.png --npu ethos-u55-128' | tee "$root/said"
grep -q '^text: Cambridge, score: 0\.9' "$root/said"
as_user 'tvmc compile --help' >/dev/null
as_user 'ethosu-model --help' >/dev/null
as_user 'python /home/user/see_live.py' env # localhost needs a loopback, which a new network has not
say "every command did what it should"
