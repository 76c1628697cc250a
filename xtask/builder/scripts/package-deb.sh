# Makes packages of the compiled kernel, by the kernel's own bindeb-pkg.
# Reads: /source/tree, $WORKSHOP/kernel, $WORKSHOP/inputs/files. Leaves: $WORKSHOP/packages.
set -eu

# The lock says what is installed; debian/control would also ask for build-essential, and so a C++
# compiler. Linux before 5.1 hands dpkg-buildpackage no DPKG_FLAGS, so its own file says it.
mkdir -p "$HOME/.config/dpkg"
echo no-check-builddeps > "$HOME/.config/dpkg/buildpackage.conf"
# The bytes that several threads compress are the same however many they are, and other than those of one.
if [ "$JOBS" -gt 1 ]; then
    export DPKG_DEB_THREADS_MAX="$JOBS"
else
    export DPKG_DEB_THREADS_MAX=2
fi
# dpkg-deb's own choice of level takes ten times as long for a tenth less.
if [ "$KDEB_COMPRESS" = zstd ]; then
    export DPKG_DEB_COMPRESSOR_LEVEL=9
fi
# Where the tree brings these rules, debhelper makes the packages and leaves nothing to put right. What is put
# together again need not be compressed twice.
if ! [ -e /source/tree/scripts/package/debian/rules ]; then
    again=yes
    export DPKG_DEB_COMPRESSOR_TYPE=none
fi

# What an earlier build in the same folder left is not of this one.
rm -rf "$WORKSHOP/packages" "$WORKSHOP"/*.deb
kbuild bindeb-pkg
release=$(cat "$WORKSHOP/kernel/include/config/kernel.release")

# Puts a package together again: the same whenever and wherever it is done, and the kernel's own with
# the files that are to be added.
repack() {
    folder="$WORKSHOP/repack"
    rm -rf "$folder"
    dpkg-deb --raw-extract "$1" "$folder"
    case ${1##*/} in
    "linux-image-${release}_"*)
        for file in "$WORKSHOP/inputs/files"/*.conf; do
            [ -e "$file" ] || continue
            kind=${file##*/}
            mkdir -p "$folder/usr/lib/${kind%.conf}"
            cp "$file" "$folder/usr/lib/${kind%.conf}/linux-image-$release.conf"
        done
        ;;
    "linux-headers-${release}_"*)
        # It made objtool, and runs nowhere else.
        rm -f "$folder/usr/src/linux-headers-$release/tools/objtool/fixdep"
        ;;
    esac
    # Before 5.4, kbuild leaves there what it installed, and from where.
    if [ -d "$folder/usr/include" ]; then
        find "$folder/usr/include" \( -name .install -o -name ..install.cmd \) -delete
    fi
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
    dpkg-deb -Z"$KDEB_COMPRESS" --root-owner-group --build "$folder" "$1"
    rm -rf "$folder"
}

if [ "${again:-}" ]; then
    for package in "$WORKSHOP"/*.deb; do
        repack "$package"
    done
fi

mkdir -p "$WORKSHOP/packages"
mv "$WORKSHOP"/*.deb "$WORKSHOP/packages/"
