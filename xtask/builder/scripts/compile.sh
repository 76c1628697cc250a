#!/bin/sh
# Compiles the configured kernel and makes packages of it, by the kernel's own bindeb-pkg.
# Reads: /source/tree, /build/kernel/.config. Leaves: /build/packages.
set -eu
umask 022

# mkdebian dates the changelog with `date -R`; the build's clock is SOURCE_DATE_EPOCH.
mkdir -p /tmp/bin
cat > /tmp/bin/date <<'WRAPPER'
#!/bin/sh
if [ "$*" = "-R" ]; then
    set -- -R -d "@$SOURCE_DATE_EPOCH"
fi
exec /usr/bin/date "$@"
WRAPPER
chmod 755 /tmp/bin/date
PATH="/tmp/bin:$PATH"
KBUILD_BUILD_TIMESTAMP=$(date -u -d "@$SOURCE_DATE_EPOCH" '+%a %b %e %H:%M:%S UTC %Y')
# The lock says what is installed; debian/control would also ask for build-essential, and so a C++
# compiler.
DPKG_FLAGS=--no-check-builddeps
export PATH KBUILD_BUILD_TIMESTAMP DPKG_FLAGS

# What an earlier build in the same folder left is not of this one.
rm -rf /build/packages /build/*.deb
make -C /source/tree O=/build/kernel -j"$JOBS" bindeb-pkg

mkdir -p /build/packages
mv /build/*.deb /build/packages/
cp /build/kernel/.config /build/packages/config
cp /build/kernel/include/config/kernel.release /build/packages/kernel-release
