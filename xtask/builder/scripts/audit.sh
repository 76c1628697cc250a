#!/bin/sh
# Prints what is installed, for the comparison with the lock, and fails where a package is not
# whole, or a file of one is not the file that it brought.
set -eu
dpkg-query --show --showformat '${Package} ${Architecture} ${Version} ${db:Status-Abbrev}\n'
wrong=$(dpkg --audit; dpkg --verify)
if [ -n "$wrong" ]; then
    printf '%s\n' "$wrong" >&2
    exit 1
fi
