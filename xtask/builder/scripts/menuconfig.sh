#!/bin/sh
# Opens menuconfig on /build/kernel/.config and leaves what it saved there.
set -eu
umask 022
cp /build/kernel/.config /build/kernel/.config.before
exec make -s -C /source/tree O=/build/kernel menuconfig
