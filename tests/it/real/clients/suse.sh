# rpm installs and removes the packages where openSUSE's scripts do the rest. Needs root.sh and rpm-root.sh.
# Reads: /work/1, the packages; R1, what the kernel calls itself.
kernel=$(echo /work/1/kernel-mptcp-mini-[0-9]*.rpm)
arguments=$(rpm -qp --qf '--name %{NAME} --version %{VERSION} --release %{RELEASE}' "$kernel")
arguments="$arguments --kernelrelease ${R1%-*} --flavor ${R1##*-} --variant  --image vmlinuz --certs "

refuses "without openSUSE's scripts nothing is installed" "suse-kernel-rpm-scriptlets is needed by kernel-mptcp-mini" \
    sh -c '. /work/root.sh; . /work/rpm-root.sh; fresh /tmp/without kernel-install; rpm --root /tmp/without -i /work/1/*.rpm'

fresh /tmp/s suse
before=$(listing /tmp/s)
rpm --root /tmp/s -i /work/1/*.rpm
same "installing calls the scripts in their order" "rpm-post $arguments 1
rpm-posttrans $arguments 1" "$(calls /tmp/s)"
verified /tmp/s /work/1/*.rpm
[ -e "/tmp/s/boot/initrd-$R1" ] || fail "there is no initrd"
same "sysctl.conf is linked to" "/lib/modules/$R1/sysctl.conf" "$(readlink "/tmp/s/boot/sysctl.conf-$R1")"
rpm --root /tmp/s -e $(rpm -qp /work/1/*.rpm)
same "removing calls the others" "rpm-preun $arguments 0
rpm-postun $arguments 0" "$(calls /tmp/s)"
same "nothing is left" "$before" "$(listing /tmp/s)"
