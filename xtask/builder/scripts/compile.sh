# Compiles the configured kernel: all objects that packages are made of.
# Reads: /source/tree, $WORKSHOP/kernel/.config.
set -eu
kbuild all
