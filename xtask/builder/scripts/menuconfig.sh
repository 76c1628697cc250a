#!/bin/sh
# Opens menuconfig on $WORKSHOP/kernel/.config and leaves what it saved there.
set -eu
umask 022
cp "$WORKSHOP/kernel/.config" "$WORKSHOP/kernel/.config.before"
exec make -s -C /source/tree O="$WORKSHOP/kernel" menuconfig
