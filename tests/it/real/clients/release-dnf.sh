# dnf installs from the release by the two lines of its page, into a root of its own. Reads: RPM, what the kernel calls
# itself.
fresh /tmp/d kernel-install
mkdir -p /etc/yum.repos.d
client() {
    command dnf --installroot /tmp/d --releasever 44 --setopt=reposdir=/etc/yum.repos.d --setopt=metadata_expire=0 \
        --assumeyes --noplugins "$@"
}
sudo() {
    case $1 in
    dnf) shift && client "$@" ;;
    *) command "$@" ;;
    esac
}
. /work/fedora.sh > /tmp/log 2>&1 || { cat /tmp/log >&2; fail "dnf, by the page's lines"; }
[ -e "/tmp/d/boot/vmlinuz-$RPM" ] || fail "there is no kernel"
ok "dnf installs by the page's two lines: $(rpm --root /tmp/d -q kernel-mptcp-mini)"
ok "and has imported the key: $(rpm --root /tmp/d -q gpg-pubkey)"
client install mptcp-kernels-keyring > /tmp/log 2>&1 || { cat /tmp/log >&2; fail "the keyring"; }
cmp -s /tmp/d/etc/pki/rpm-gpg/RPM-GPG-KEY-mptcp-kernels /work/tree/mptcp-kernels.asc || fail "the keyring is another one"

mkdir -p /tmp/k /tmp/o
rpm --root /tmp/k --initdb && rpm --root /tmp/k --import /work/tree/mptcp-kernels.asc
rpm --root /tmp/o --initdb && rpm --root /tmp/o --import /work/other/mptcp-kernels.asc
for file in $(find /work/tree/rpm -name '*.rpm'); do
    said=$(rpm --root /tmp/k -K "$file") || fail "rpm -K: $said"
    case $said in *"digests signatures OK") ;; *) fail "rpm -K: $said" ;; esac
done
ok "rpm -K takes all packages: ${said##*/}"
refuses "rpm -K refuses them by another key" "NOT OK" rpm --root /tmp/o -K "$file"

package=$(cd /work/tree && ls rpm/fedora-44/packages/mini-rpm/kernel-mptcp-mini-[0-9]*)
flip "$package"
refuses "rpm -K refuses an altered package" "NOT OK" rpm --root /tmp/k -K "/tmp/bad/$package"
sed -i s/:8000/:8001/g /etc/yum.repos.d/mptcp-kernels.repo
again() {
    rm -rf /tmp/d/var/cache/dnf /tmp/d/var/lib/dnf/repos
    client reinstall kernel-mptcp-mini
}
refuses "dnf refuses an altered package" "kernel-mptcp-mini" again
flip rpm/fedora-44/repodata/repomd.xml
refuses "dnf refuses an altered repomd.xml" "repomd.xml" again
flip "$(cd /work/tree && ls rpm/fedora-44/repodata/*-primary.xml.gz)"
refuses "dnf refuses an altered list of packages" "primary" again
flip index.html
again > /tmp/log 2>&1 || { cat /tmp/log >&2; fail "dnf takes the same release unaltered"; }
ok "dnf takes the same release unaltered"

# A root that has imported nothing, and a repository that names another key.
fresh /tmp/d2 kernel-install
sed -i s,gpgkey=.*,gpgkey=file:///work/other/mptcp-kernels.asc, /etc/yum.repos.d/mptcp-kernels.repo
stranger() {
    command dnf --installroot /tmp/d2 --releasever 44 --setopt=reposdir=/etc/yum.repos.d --assumeyes --noplugins \
        install kernel-mptcp-mini
}
refuses "dnf refuses another key" "repomd.xml" stranger
