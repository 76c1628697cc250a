# What a minimal installation has, below the folder that is named: a shell, the C library and a few programs.
# Sourced by the other scripts.

# The paths of a program and of the libraries it is linked to.
closure() {
    for program; do
        path=$(command -v "$program")
        readlink -f "$path"
        ldd "$path" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*\).*/\1/p'
    done | sort -u
}

# minimal FOLDER PROGRAM...
minimal() {
    root=$1
    shift
    mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/usr/lib64" "$root/boot" "$root/etc" "$root/var/log" \
        "$root/tmp" "$root/usr/lib/modules" "$root/usr/src" "$root/var/lib" "$root/var/cache" "$root/var/tmp"
    for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done
    closure dash "$@" | while read -r file; do
        mkdir -p "$root${file%/*}"
        cp -L "$file" "$root$file"
    done
    ln -s dash "$root/usr/bin/sh"
}

# All paths below the root but those of package databases and caches.
listing() {
    (cd "$1" && find . \( -path ./var/lib/rpm -o -path ./var/lib/dpkg -o -path './var/cache/*' -o -path ./etc/dnf -o -path ./var/lib/dnf \
        -o -path ./var/lib/apt -o -path './var/log/*' -o -path './tmp/*' \) -prune -o -print | sort)
}

ok() { echo "ok: $*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }

# same WHAT EXPECTED FOUND: fails with the difference.
same() {
    printf '%s\n' "$2" > /tmp/expected
    printf '%s\n' "$3" > /tmp/found
    diff -u /tmp/expected /tmp/found >&2 || fail "$1"
    ok "$1"
}

# refuses WHAT WORDS COMMAND...: the command has to fail, and to say the words.
refuses() {
    what=$1 words=$2
    shift 2
    if "$@" > /tmp/refused 2>&1; then
        cat /tmp/refused >&2
        fail "$what: it went through"
    fi
    grep -qF -- "$words" /tmp/refused || { cat /tmp/refused >&2; fail "$what: other words than \`$words\`"; }
    ok "$what"
}
