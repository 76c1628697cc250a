#!/bin/sh
# Compiles the configured kernel and makes packages of it, by the kernel's own bindeb-pkg.
# Reads: /source/tree, /build/kernel/.config, /build/inputs/files. Leaves: /build/packages.
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
export PATH KBUILD_BUILD_TIMESTAMP
# The lock says what is installed; debian/control would also ask for build-essential, and so a C++
# compiler. Linux before 5.1 hands dpkg-buildpackage no DPKG_FLAGS, so its own file says it.
mkdir -p "$HOME/.config/dpkg"
echo no-check-builddeps > "$HOME/.config/dpkg/buildpackage.conf"

# What an earlier build in the same folder left is not of this one.
rm -rf /build/packages /build/*.deb
make -C /source/tree O=/build/kernel -j"$JOBS" bindeb-pkg
release=$(cat /build/kernel/include/config/kernel.release)

# Puts a package together again: the same whenever and wherever it is done, and the kernel's own with
# the files that are to be added.
repack() {
    folder=/build/repack
    rm -rf "$folder"
    dpkg-deb --raw-extract "$1" "$folder"
    case ${1##*/} in
    "linux-image-${release}_"*)
        for file in /build/inputs/files/*.conf; do
            [ -e "$file" ] || continue
            kind=${file##*/}
            mkdir -p "$folder/usr/lib/${kind%.conf}"
            cp "$file" "$folder/usr/lib/${kind%.conf}/linux-image-$release.conf"
        done
        ;;
    esac
    # gzip keeps name and time of what it packs.
    for changelog in "$folder"/usr/share/doc/*/changelog*.gz; do
        gunzip "$changelog"
        gzip -9n "${changelog%.gz}"
    done
    # In the order of the folder's entries on this disk, so far.
    (cd "$folder" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -r0 md5sum > DEBIAN/md5sums)
    # As dpkg-gencontrol counts: whole KiB, and one for what is no file.
    size=$(cd "$folder" && find . -mindepth 1 -path ./DEBIAN -prune -o -printf '%y %s\n' |
        awk '$1 == "f" { sum += int(($2 + 1023) / 1024); next } { sum++ } END { print sum }')
    sed -i "s/^Installed-Size: .*/Installed-Size: $size/" "$folder/DEBIAN/control"
    dpkg-deb --root-owner-group --build "$folder" "$1"
    rm -rf "$folder"
}

# Where the tree brings these rules, debhelper makes the packages and leaves nothing to put right.
if ! [ -e /source/tree/scripts/package/debian/rules ]; then
    for package in /build/*.deb; do
        repack "$package"
    done
fi

mkdir -p /build/packages
mv /build/*.deb /build/packages/
cp /build/kernel/.config /build/packages/config
printf '%s\n' "$release" > /build/packages/kernel-release
