# apt installs, upgrades and removes the packages out of a repository of files. Runs behind deb.sh, and uses its words.
publish() {
    cp "$@" /tmp/repository/
    (cd /tmp/repository && apt-ftparchive packages . > Packages)
    apt update
}
apt() {
    apt-get -o Dir=/tmp/a -o Dir::State::status=/tmp/a/var/lib/dpkg/status -o Dir::Etc::sourceparts=/nowhere \
        -o Dir::Bin::dpkg=/usr/bin/dpkg -o DPkg::Options::=--root=/tmp/a -o DPkg::Chroot-Directory=/ -o APT::Architecture=amd64 \
        -o APT::Sandbox::User=root -o Dir::Etc::trustedparts=/nowhere -o DPkg::Use-Pty=0 -o Dir::Bin::methods=/usr/lib/apt/methods \
        -y "$@" > /tmp/apt.log 2>&1 || { cat /tmp/apt.log >&2; fail "apt $*"; }
}

fresh /tmp/a
mkdir -p /tmp/repository /tmp/a/etc/apt/apt.conf.d /tmp/a/etc/apt/preferences.d /tmp/a/var/lib/apt/lists/partial \
    /tmp/a/var/cache/apt/archives/partial /tmp/a/var/log/apt
echo 'deb [trusted=yes] file:/tmp/repository ./' > /tmp/a/etc/apt/sources.list
before=$(listing /tmp/a)
publish /work/1/*.deb
apt install $(names)
same "apt installs the set" "$(expected 1)" "$(installed /tmp/a)"
verified /tmp/a
publish /work/2/*.deb
apt upgrade
same "apt upgrades it" "$(expected 2)" "$(installed /tmp/a)"
verified /tmp/a
apt purge $(names)
same "apt leaves nothing" "$before" "$(listing /tmp/a)"
apt install $(names)
same "of two versions, apt takes the newer one" "$(expected 2)" "$(installed /tmp/a)"
