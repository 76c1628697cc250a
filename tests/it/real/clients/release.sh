# A release, checked by the tools that its page names. Reads: /work/tree, the release that the other container serves.
url=http://127.0.0.1:8000
for _ in $(seq 100); do
    curl --fail --silent "$url/SHA256SUMS" > /tmp/sums && break
    sleep 0.1
done
cmp /tmp/sums /work/tree/SHA256SUMS || fail "the other container serves something else"
ok "the other container serves the release"

# What `gpg --dearmor` makes of a key.
dearmor() { sed -n '/^$/,/^[=-]/p' "$1" | grep -v '^[=-]' | base64 -d; }

cd /work/tree
dearmor mptcp-kernels.asc > /tmp/mptcp-kernels.gpg
dearmor ../other/mptcp-kernels.asc > /tmp/other.gpg
gpgv --keyring /tmp/mptcp-kernels.gpg SHA256SUMS.asc SHA256SUMS 2> /tmp/said || { cat /tmp/said >&2; fail gpgv; }
ok "gpgv takes SHA256SUMS: $(grep 'Good signature' /tmp/said)"
gpgv --keyring /tmp/mptcp-kernels.gpg apt/dists/debian-13/InRelease > /dev/null 2>&1 || fail "gpgv of InRelease"
gpgv --keyring /tmp/mptcp-kernels.gpg apt/dists/debian-13/Release.gpg apt/dists/debian-13/Release 2> /dev/null || fail "gpgv of Release"
gpgv --keyring /tmp/mptcp-kernels.gpg rpm/fedora-44/repodata/repomd.xml.asc rpm/fedora-44/repodata/repomd.xml 2> /dev/null ||
    fail "gpgv of repomd.xml"
ok "gpgv takes InRelease, Release and repomd.xml"
refuses "gpgv refuses it by another key" "No public key" gpgv --keyring /tmp/other.gpg SHA256SUMS.asc SHA256SUMS
minisign -Vm SHA256SUMS -p mptcp-kernels.pub > /tmp/said || fail minisign
ok "minisign takes it: $(head -n 1 /tmp/said)"
refuses "minisign refuses it by another key" "key id" minisign -Vm SHA256SUMS -p ../other/mptcp-kernels.pub
sha256sum --check --quiet SHA256SUMS || fail "sha256sum"
ok "sha256sum --check takes all $(wc -l < SHA256SUMS) files"
cd /

# flip FILE: changes one byte of a copy of the release, which is served at port 8001.
flip() {
    rm -rf /tmp/bad/*
    cp -a /work/tree/. /tmp/bad/
    size=$(stat -c %s "/tmp/bad/$1")
    at=$((size / 2))
    byte=$(dd if="/tmp/bad/$1" bs=1 skip=$at count=1 2> /dev/null | od -An -tu1 | tr -d ' ')
    printf "\\$(printf %o $((byte ^ 1)))" | dd of="/tmp/bad/$1" bs=1 seek=$at conv=notrunc 2> /dev/null
    ! cmp -s "/tmp/bad/$1" "/work/tree/$1" || fail "$1 is the same"
}
mkdir -p /tmp/bad
python3 -m http.server 8001 --bind 127.0.0.1 --directory /tmp/bad > /tmp/server.log 2>&1 &

cd /tmp/bad
flip SHA256SUMS
refuses "gpgv refuses altered checksums" "BAD signature" gpgv --keyring /tmp/mptcp-kernels.gpg SHA256SUMS.asc SHA256SUMS
refuses "minisign refuses them" "failed" minisign -Vm SHA256SUMS -p mptcp-kernels.pub
flip index.html
refuses "sha256sum names an altered file" "index.html: FAILED" sha256sum --check --quiet SHA256SUMS
cd /
