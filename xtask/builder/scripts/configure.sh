#!/bin/sh
# Makes $WORKSHOP/kernel/.config out of the base and the fragments, by the kernel's own kconfig.
# Reads: /source/tree, $WORKSHOP/inputs/base.config (or the target $CONFIG_TARGET), $WORKSHOP/inputs/fragments.
set -eu
umask 022
mkdir -p "$WORKSHOP/kernel"
# merge_config.sh writes temporary files into the current directory.
cd "$WORKSHOP/kernel"
# Before 6.3, kconfig's own programs travel in the headers' packages, so they are linked as tools.sh has it.
kbuild() { make -C /source/tree O="$WORKSHOP/kernel" HOSTLDFLAGS=-static "$@"; }

if [ -n "${CONFIG_TARGET:-}" ]; then
    kbuild "$CONFIG_TARGET"
else
    cp "$WORKSHOP/inputs/base.config" .config
fi
cp .config "$WORKSHOP/base.config"
/source/tree/scripts/kconfig/merge_config.sh -m -O "$WORKSHOP/kernel" .config "$WORKSHOP/inputs/fragments"/*.config
kbuild olddefconfig
# The release is read from what kconfig writes for make, not from .config.
kbuild syncconfig
kbuild -s kernelrelease > "$WORKSHOP/kernel-release"
