# A root of rpm packages with stand-ins for what puts a kernel into the boot menu. Sourced behind root.sh.
# Reads: STYLE (kernel-install, suse or nothing).

# As kernel-install: what depmod, dracut and the boot loader's plugin leave behind.
kernel_install() {
    mkdir -p "$1/usr/bin"
    cat > "$1/usr/bin/kernel-install" <<'STAND_IN'
#!/bin/sh
set -eu
echo "kernel-install $*" >> /var/log/calls
case $1 in
add)
    modules=/lib/modules/$2
    for kind in alias alias.bin builtin.alias.bin builtin.bin dep dep.bin devname softdep symbols symbols.bin; do
        echo depmod > "$modules/modules.$kind"
    done
    cp -a "$3" "/boot/vmlinuz-$2"
    cp -a "$modules/System.map" "/boot/System.map-$2"
    cp -a "$modules/config" "/boot/config-$2"
    umask 077
    echo dracut > "/boot/initramfs-$2.img"
    ;;
remove) rm -f "/boot/vmlinuz-$2" "/boot/initramfs-$2.img" ;;
*) exit 9 ;;
esac
STAND_IN
    chmod 755 "$1/usr/bin/kernel-install"
}

# As openSUSE's suse-module-tools: each logs, and posttrans makes what the real one makes.
suse_scriptlets() {
    folder=$1/usr/lib/module-init-tools/kernel-scriptlets
    mkdir -p "$folder"
    for script in post posttrans preun postun; do
        cat > "$folder/rpm-$script" <<'STAND_IN'
#!/bin/sh
set -eu
echo "${0##*/} $*" >> /var/log/calls
while [ $# -gt 1 ]; do
    case $1 in
    --kernelrelease) release=$2; shift ;;
    --flavor) release=$release-$2; shift ;;
    esac
    shift
done
[ -e "/lib/modules/$release/vmlinuz" ] || exit 0
case ${0##*/} in
rpm-post)
    for kind in dep dep.bin alias symbols; do echo depmod > "/lib/modules/$release/modules.$kind"; done
    for file in vmlinuz System.map config; do cp -a "/lib/modules/$release/$file" "/boot/$file-$release"; done
    [ -e "/lib/modules/$release/sysctl.conf" ] && ln -s "/lib/modules/$release/sysctl.conf" "/boot/sysctl.conf-$release"
    ;;
rpm-posttrans) (umask 077 && echo dracut > "/boot/initrd-$release") ;;
rpm-preun) rm -f "/boot/sysctl.conf-$release" ;;
esac
STAND_IN
        chmod 755 "$folder/rpm-$script"
    done
}

# base STYLE: builds /work/base-STYLE.rpm, all that a root has besides the kernel.
base() {
    tree=/tmp/base-$1
    minimal "$tree" cp ln rm
    provides="Provides: /bin/sh"
    case $1 in
    kernel-install)
        kernel_install "$tree"
        provides="$provides
Provides: /usr/bin/kernel-install"
        ;;
    suse)
        suse_scriptlets "$tree"
        provides="$provides
Provides: suse-kernel-rpm-scriptlets"
        ;;
    esac
    cat > "/tmp/base-$1.spec" <<SPEC
%define __spec_install_post %{nil}
%define _build_id_links none
Name: base-$1
Version: 1
Release: 1
Summary: All that a minimal installation has
License: MIT
AutoReqProv: no
$provides
%description
It has no kernel.
%install
mkdir -p %{buildroot}
cp -a $tree/. %{buildroot}
%files
%defattr(-, root, root)
/*
SPEC
    rpmbuild -bb --quiet --target x86_64-linux --define "_rpmdir /tmp/base" --define '_rpmfilename %%{NAME}.rpm' \
        --define 'debug_package %{nil}' "/tmp/base-$1.spec" > /tmp/base.log 2>&1 || { cat /tmp/base.log >&2; exit 1; }
}

# fresh FOLDER STYLE: a root with base-STYLE installed.
fresh() {
    mkdir -p "$1"
    [ -e "/tmp/base/base-$2.rpm" ] || base "$2"
    rpm --root "$1" --initdb
    rpm --root "$1" -i "/tmp/base/base-$2.rpm"
    : > "$1/var/log/calls"
}

# What the stand-ins were called with since this was asked last.
calls() {
    cat "$1/var/log/calls"
    : > "$1/var/log/calls"
}

# Everything of a set verifies.
verified() {
    root=$1
    shift
    for file; do
        rpm --root "$root" -V "$(rpm -qp --qf '%{NAME}-%{VERSION}-%{RELEASE}' "$file")" >&2 || fail "rpm -V of $file"
    done
}
