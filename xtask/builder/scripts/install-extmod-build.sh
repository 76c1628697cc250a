#!/bin/sh
# Installs what modules are compiled against into a folder: what Linux since 6.3 does by a script of this name, for
# the kernels before.
set -eu
destination=$1
cd "$WORKSHOP/kernel"
enabled() { grep -q "^$1=y" include/config/auto.conf; }
of_scripts() { find scripts \( -name atomic -o -name dtc -o -name kconfig -o -name package \) -prune -o -type f -print -o -type l -print; }

mkdir -p "$destination"
(
    cd /source/tree
    echo Makefile
    find arch/x86 -maxdepth 1 -name 'Makefile*'
    find arch/x86 -name generated -prune -o -name include -type d -print
    find arch/x86 \( -name module.lds -o -name Kbuild.platforms -o -name Platform \) -print
    find include \( -name config -o -name generated \) -prune -o -type f -print -o -type l -print
    of_scripts
) | tar -c -f - -C /source/tree -T - | tar -x -f - -C "$destination"
{
    if enabled CONFIG_STACK_VALIDATION; then
        echo tools/objtool/objtool
    fi
    if enabled CONFIG_GCC_PLUGINS; then
        find scripts/gcc-plugins -name '*.so'
    fi
    echo .config
    echo Module.symvers
    echo arch/x86/include/generated
    find include -type f
    of_scripts
} | tar -c -f - -T - | tar -x -f - -C "$destination"
# What kbuild reads only where it compiled the kernel.
find "$destination" \( -name '.*.cmd' -o -name '*.o' \) -delete
