#!/bin/sh
# Turns the bare unpacked files into an installed system: dpkg installs the bootstrap packages
# over themselves, then all others. Packages are in /packages: bootstrap/ and others/.
set -eu
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 022

# Nothing may be started in here.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
# An image that was not finished is thrown away, so nothing need survive a crash.
mkdir -p /etc/dpkg/dpkg.cfg.d
cat > /etc/dpkg/dpkg.cfg.d/container <<'OPTIONS'
force-unsafe-io
OPTIONS

# In the order that the scripts of these packages need each other: users, base files, then all.
dpkg --force-depends --install /packages/bootstrap/base-passwd_*.deb
dpkg --force-depends --install /packages/bootstrap/base-files_*.deb
dpkg --force-depends --unpack /packages/bootstrap/*.deb
dpkg --force-depends --configure --pending
if [ -n "$(ls /packages/others)" ]; then
    dpkg --force-depends --unpack /packages/others/*.deb
    dpkg --configure --pending
fi

# The user that builds run as.
echo 'build:x:1000:1000::/tmp:/bin/sh' >> /etc/passwd
echo 'build:x:1000:' >> /etc/group
mkdir -p /source /build
chown 1000:1000 /build
rm -rf /packages /usr/sbin/policy-rc.d
