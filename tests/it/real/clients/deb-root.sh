# A root of .deb packages with hooks that log. Sourced behind root.sh.

# fresh FOLDER: a root with package `base`, all that it has besides the kernel.
fresh() {
    tree=/tmp/base
    if ! [ -e /tmp/base.deb ]; then
        minimal "$tree" cp rm rmdir mkdir run-parts
        # dpkg takes it for nobody's: its path in the packages is another.
        rmdir "$tree/usr/lib/modules"
        mkdir -p "$tree/dev" "$tree/DEBIAN" "$tree/usr/share"
        : > "$tree/dev/null"
        for stage in preinst postinst prerm postrm; do
            mkdir -p "$tree/etc/kernel/$stage.d"
            cat > "$tree/etc/kernel/$stage.d/log" <<'HOOK'
#!/bin/sh
set -eu
echo "${0%/log} $* INITRD=${INITRD:-} $(echo "${DEB_MAINT_PARAMS:-}" | { read -r first rest || :; echo "$first"; })" >> /var/log/calls
[ -z "${2:-}" ] || [ "$2" = "/boot/vmlinuz-$1" ]
HOOK
            chmod 755 "$tree/etc/kernel/$stage.d/log"
        done
        cat > "$tree/DEBIAN/control" <<'CONTROL'
Package: base
Version: 1
Architecture: amd64
Essential: yes
Maintainer: nobody <nobody@example.com>
Description: all that a minimal installation has
CONTROL
        dpkg-deb --root-owner-group --build "$tree" /tmp/base.deb > /dev/null
    fi
    mkdir -p "$1/var/lib/dpkg/info" "$1/var/lib/dpkg/updates" "$1/var/log"
    : > "$1/var/lib/dpkg/status"
    dpkg --root "$1" -i /tmp/base.deb > /tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log >&2; exit 1; }
    : > "$1/var/log/calls"
}

# What the hooks were called with since this was asked last.
calls() {
    cat "$1/var/log/calls"
    : > "$1/var/log/calls"
}
