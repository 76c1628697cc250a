# Makes packages of the compiled kernel, by the kernel's own binrpm-pkg.
# Reads: /source/tree, $WORKSHOP/kernel, $WORKSHOP/inputs/files, $WORKSHOP/inputs/kernel.spec. Leaves: $WORKSHOP/packages.
set -eu

# The spec that the kernel writes says how it is installed. What it says beyond that differs from version to
# version, and leaves out what distributions expect: that comes from a spec of ours.
cat > /tmp/bin/rpmbuild <<'STAND_IN'
#!/bin/sh
set -eu
for argument; do
    case $argument in
    *.spec) spec=$argument ;;
    esac
done
part() { awk -v part="$1" '/^@INSTALL@$/ { part--; next } part == 1' "$WORKSHOP/inputs/kernel.spec"; }
{
    # The macros that its %install uses.
    awk '/^Name:/ { exit } /^%/' "$spec"
    part 1
    # Without the compressed vmlinux of old kernels, which is for debuggers and has no symbols.
    awk '/^%(clean|post|preun|postun|files|changelog)/ { install = 0 } /^%install/ { install = 1 }
        install && !/vmlinux\.bz2|bzip2/' "$spec"
    part 2
} > "$spec.complete"
mv "$spec.complete" "$spec"
# Linux before 5.2 runs the make of its %install in the output folder as if it were the source's, and takes all
# that it prints for the name of the image.
MAKEFLAGS=s$(printf %s "${MAKEFLAGS:-}" | sed 's|KBUILD_SRC=[^ ]*|KBUILD_SRC=|')
export MAKEFLAGS
unset KBUILD_SRC
exec /usr/bin/rpmbuild "$@" \
    --build-in-place --noprep --nodeps \
    --define "_topdir $WORKSHOP/rpmbuild" \
    --define "_tmppath $WORKSHOP/rpmbuild/tmp" \
    --define "_smp_mflags -j$JOBS" \
    --define '_buildhost reproducible' \
    --define 'use_source_date_epoch_as_buildtime 1' \
    --define 'clamp_mtime_to_source_date_epoch 1' \
    --define 'build_mtime_policy clamp_to_source_date_epoch' \
    --define '_binary_payload w9T0.zstdio'
STAND_IN
chmod 755 /tmp/bin/rpmbuild

rm -rf "$WORKSHOP/packages" "$WORKSHOP/rpmbuild"
mkdir -p "$WORKSHOP/rpmbuild/tmp"
kbuild binrpm-pkg
mkdir -p "$WORKSHOP/packages"
mv "$WORKSHOP/rpmbuild/RPMS"/*/*.rpm "$WORKSHOP/packages/"
