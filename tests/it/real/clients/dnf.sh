# dnf installs, upgrades and removes the packages in a root of their own, out of a repository of files.
# Needs root.sh and rpm-root.sh. Reads: /work/1 and /work/2, two versions; R1 and R2, what they call themselves.
kernels() { rpm --root /tmp/d -qa --qf '%{NAME} %{VERSION}-%{RELEASE}\n' 'kernel-*' | sort; }
versions() { rpm -qp --qf '%{NAME} %{VERSION}-%{RELEASE}\n' "$@" | sort; }
names() { rpm -qp --qf '%{NAME}\n' /work/1/*.rpm; }
client() {
    dnf --installroot /tmp/d --releasever 1 --config /tmp/dnf.conf --assumeyes --quiet --noplugins "$@" > /tmp/dnf.log 2>&1 ||
        { cat /tmp/dnf.log >&2; fail "dnf $*"; }
}
publish() {
    cp "$@" /tmp/repository/
    createrepo_c --quiet /tmp/repository > /tmp/createrepo.log 2>&1 || { cat /tmp/createrepo.log >&2; exit 1; }
}

fresh /tmp/d kernel-install
mkdir -p /tmp/repository /tmp/no-repositories
cat > /tmp/dnf.conf <<'CONF'
[main]
reposdir=/tmp/no-repositories
gpgcheck=0
plugins=0
metadata_expire=0
[tested]
name=tested
baseurl=file:///tmp/repository
CONF
publish /work/1/*.rpm
before=$(listing /tmp/d)

client install $(names)
same "dnf installs the set" "$(versions /work/1/*.rpm)" "$(kernels)"
same "and calls kernel-install once" "add $R1" "$(calls /tmp/d | cut -d' ' -f 2,3)"
verified /tmp/d /work/1/*.rpm

publish /work/2/*.rpm
client upgrade
expected=$(versions /work/1/*.rpm /work/2/*.rpm | grep -vxF "$(versions /work/1/*-headers-*.rpm)")
same "dnf upgrade keeps the old kernel beside the new one" "$expected" "$(kernels)"
same "and adds the new one alone" "add $R2" "$(calls /tmp/d | cut -d' ' -f 2,3)"
verified /tmp/d /work/2/*.rpm
[ -e "/tmp/d/boot/vmlinuz-$R1" ] && [ -e "/tmp/d/boot/vmlinuz-$R2" ] || fail "a kernel is missing in /boot"

client remove "$(rpm -qp --qf '%{NAME}-%{VERSION}-%{RELEASE}' /work/1/kernel-mptcp-mini-[0-9]*.rpm)" \
    "$(rpm -qp --qf '%{NAME}-%{VERSION}-%{RELEASE}' /work/1/*-devel-*.rpm)"
same "the old one is removed" "$(versions /work/2/*.rpm)" "$(kernels)"
same "and taken out of the boot menu" "remove $R1" "$(calls /tmp/d | cut -d' ' -f 2,3)"
verified /tmp/d /work/2/*.rpm
client remove $(names)
same "dnf leaves nothing" "$before" "$(listing /tmp/d)"
calls /tmp/d > /dev/null

client install $(names)
same "of two versions, dnf takes the newer one" "$(versions /work/2/*.rpm)" "$(kernels)"
