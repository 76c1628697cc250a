# rpm installs, verifies, upgrades and removes the packages in a root of their own. Needs root.sh and rpm-root.sh.
# Reads: /work/1 and /work/2, two versions; R1 and R2, what they call themselves.
kernel() { for file in "/work/$1"/*.rpm; do case $file in *-devel-*|*-headers-*) ;; *) echo "$file" ;; esac; done; }
add() { echo "kernel-install add $1 /lib/modules/$1/vmlinuz"; }
remove() { echo "kernel-install remove $1 /lib/modules/$1/vmlinuz"; }

refuses "without kernel-install nothing is installed" "/usr/bin/kernel-install is needed by kernel-mptcp-mini" \
    sh -c '. /work/root.sh; . /work/rpm-root.sh; fresh /tmp/without nothing; rpm --root /tmp/without -i /work/1/*.rpm'

fresh /tmp/r kernel-install
before=$(listing /tmp/r)
rpm --root /tmp/r -i /work/1/*.rpm
same "installing calls kernel-install once" "$(add "$R1")" "$(calls /tmp/r)"
verified /tmp/r /work/1/*.rpm
for file in vmlinuz System.map config; do
    cmp "/tmp/r/boot/$file-$R1" "/tmp/r/lib/modules/$R1/$file"
done
[ -e "/tmp/r/lib/modules/$R1/build/Makefile" ] || [ "$(readlink "/tmp/r/lib/modules/$R1/build")" = "/usr/src/kernels/$R1" ]
ok "three packages are installed and verify"

cp -a "/tmp/r/lib/modules/$R1/System.map" /tmp/System.map
echo changed >> "/tmp/r/lib/modules/$R1/System.map"
refuses "a changed file is noticed" "/lib/modules/$R1/System.map" rpm --root /tmp/r -V "$(rpm -qp "$(kernel 1)")"
cp -a /tmp/System.map "/tmp/r/lib/modules/$R1/System.map"
verified /tmp/r /work/1/*.rpm

rpm --root /tmp/r -U /work/2/*.rpm
same "upgrading adds the new one and removes the old one" "$(remove "$R1"; add "$R2")" "$(calls /tmp/r)"
verified /tmp/r /work/2/*.rpm
[ ! -e "/tmp/r/lib/modules/$R1" ] && [ ! -e "/tmp/r/usr/src/kernels/$R1" ] || fail "the old one left something"
refuses "an older one is no upgrade" "is already installed" rpm --root /tmp/r -U /work/1/*.rpm
same "nothing was called for it" "" "$(calls /tmp/r)"
rpm --root /tmp/r -e $(rpm -qp /work/2/*.rpm)
same "removing calls kernel-install once" "$(remove "$R2")" "$(calls /tmp/r)"
same "nothing is left" "$before" "$(listing /tmp/r)"

rpm --root /tmp/r -i /work/1/*.rpm
rpm --root /tmp/r -i "$(kernel 2)" /work/2/*-devel-*.rpm
same "two versions are added" "$(add "$R1"; add "$R2")" "$(calls /tmp/r)"
verified /tmp/r /work/1/*.rpm "$(kernel 2)" /work/2/*-devel-*.rpm
ok "two versions live side by side"
rpm --root /tmp/r -e $(rpm -qp /work/1/*.rpm)
same "the first one is removed" "$(remove "$R1")" "$(calls /tmp/r)"
verified /tmp/r "$(kernel 2)" /work/2/*-devel-*.rpm
[ -e "/tmp/r/boot/vmlinuz-$R2" ] && [ -e "/tmp/r/lib/modules/$R2/modules.dep" ] || fail "the other one lost files"
rpm --root /tmp/r -e $(rpm -qp "$(kernel 2)" /work/2/*-devel-*.rpm)
same "nothing is left of both" "$before" "$(listing /tmp/r)"
