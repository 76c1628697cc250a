#!/bin/sh
# Explains symbols ($@) in $WORKSHOP/kernel/.config, in the environment that kbuild gives kconfig.
set -eu
cd /source/tree
srctree=/source/tree SRCARCH="$ARCH" CC=gcc LD=ld NM=nm AR=ar OBJCOPY=objcopy HOSTCC=gcc HOSTCXX=g++ \
    RUSTC=rustc BINDGEN=bindgen PAHOLE=pahole KERNELVERSION="$(make -s kernelversion 2>/dev/null)" \
    exec python3 "$WORKSHOP/inputs/explain.py" "$WORKSHOP/kernel/.config" "$@"
