#!/bin/sh
# Makes /build/kernel/.config out of the base and the fragments, by the kernel's own kconfig.
# Reads: /source/tree, /build/inputs/base.config (or the target $CONFIG_TARGET), /build/inputs/fragments.
set -eu
umask 022
mkdir -p /build/kernel
# merge_config.sh writes temporary files into the current directory.
cd /build/kernel
kbuild() { make -C /source/tree O=/build/kernel "$@"; }

if [ -n "${CONFIG_TARGET:-}" ]; then
    kbuild "$CONFIG_TARGET"
else
    cp /build/inputs/base.config .config
fi
cp .config /build/base.config
/source/tree/scripts/kconfig/merge_config.sh -m -O /build/kernel .config /build/inputs/fragments/*.config
kbuild olddefconfig
# The release is read from what kconfig writes for make, not from .config.
kbuild syncconfig
kbuild -s kernelrelease > /build/kernel-release
