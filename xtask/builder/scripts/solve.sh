#!/bin/sh
# Lets apt name the packages that installing "$@" takes, over the indexes in /repository alone.
# Prints one `name architecture version` a line.
set -eu
export LC_ALL=C
mkdir -p /etc/apt/sources.list.d /var/lib/apt/lists/partial /var/cache/apt/archives/partial
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
cat /repository/sources > /etc/apt/sources.list.d/locked.sources
options="-o Acquire::Languages=none -o APT::Install-Recommends=false -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false -o Acquire::Check-Date=false"
apt-get $options update >&2
apt-get $options --assume-yes --simulate install "$@" > /tmp/simulation
sed -n 's/^Inst \([^ :]*\)\(:[^ ]*\)\{0,1\} .*(\([^ ]*\) .*\[\([a-z0-9]*\)\]).*/\1 \4 \3/p' /tmp/simulation
