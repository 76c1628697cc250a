# apt installs from the release by the two lines of its page. Reads: DEB, what the kernel calls itself.
export DEBIAN_FRONTEND=noninteractive
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
# The page's lines are for people: nobody is here to be asked.
sudo() {
    case $1 in
    apt-get) shift && command apt-get -y -o APT::Update::Error-Mode=any "$@" ;;
    *) command "$@" ;;
    esac
}
. /work/debian.sh > /tmp/log 2>&1 || { cat /tmp/log >&2; fail "apt, by the page's lines"; }
[ -e "/boot/vmlinuz-$DEB" ] || fail "there is no kernel"
cmp -s /usr/share/keyrings/mptcp-kernels.asc /work/tree/mptcp-kernels.asc || fail "the keyring is another one"
ok "apt installs by the page's two lines: $(dpkg-query -W -f '${Package} ${Version}, ' 'linux-*mptcp*' mptcp-kernels-keyring)"
apt-cache policy linux-libc-dev | grep -q "Candidate: .*mptcp" && fail "apt would replace linux-libc-dev"
sudo apt-get purge "linux-image-$DEB" linux-image-mptcp-mini > /dev/null 2>&1 || fail "apt-get purge"

sources=/etc/apt/sources.list.d/mptcp-kernels.sources
sed -i s/:8000/:8001/ $sources
update() { rm -rf /var/lib/apt/lists/* && sudo apt-get update; }
flip apt/dists/debian-13/InRelease
refuses "apt refuses an altered InRelease" "InRelease" update
flip apt/dists/debian-13/main/binary-amd64/Packages.gz
rm -r /tmp/bad/apt/dists/debian-13/main/binary-amd64/by-hash
refuses "apt refuses an altered Packages" "Packages" update
package=$(cd /work/tree && ls apt/pool/debian-13/mini/linux-image-*)
flip "$package"
update > /tmp/log 2>&1 || { cat /tmp/log >&2; fail "apt-get update"; }
# Nothing that was fetched before is at hand.
install() { sudo apt-get clean && sudo apt-get install linux-image-mptcp-mini; }
refuses "apt refuses an altered package" "Hash Sum mismatch" install
flip index.html
cp -r /work/expired/apt/dists/. /tmp/bad/apt/dists/
refuses "apt refuses an expired Release" "expired" update
flip index.html
cp /work/other/mptcp-kernels.asc /usr/share/keyrings/mptcp-kernels.asc
refuses "apt refuses another key" "NO_PUBKEY" update
rm /usr/share/keyrings/mptcp-kernels.asc
refuses "apt refuses it without a key" "InRelease" update
cp /work/tree/mptcp-kernels.asc /usr/share/keyrings/mptcp-kernels.asc
update > /tmp/log 2>&1 || { cat /tmp/log >&2; fail "apt takes the same release unaltered"; }
ok "apt takes the same release unaltered"
