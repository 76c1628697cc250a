# dpkg and apt install, verify, upgrade and remove the packages in roots of their own. Needs root.sh and deb-root.sh.
# Reads: /work/1 and /work/2, two versions of one kernel release; R1, what the kernel calls itself.
client() { dpkg --root /tmp/d "$@" > /tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log >&2; fail "dpkg $*"; }; }
version() { dpkg-deb -f "$(echo "/work/$1"/linux-image-*.deb)" Version; }
names() { for file in /work/1/*.deb; do dpkg-deb -f "$file" Package; done; }
installed() { dpkg-query --admindir "$1/var/lib/dpkg" -W -f '${Package} ${Version} ${db:Status-Abbrev}\n' 'linux-*' | grep -v ' un $' | sort; }
expected() { for file in "/work/$1"/*.deb; do dpkg-deb -W --showformat '${Package} ${Version} ii \n' "$file"; done | sort; }
stages() { calls "$1" | cut -d ' ' -f 1-3 | sed 's|/etc/kernel/||'; }

# verified ROOT: no file differs from what its package says.
verified() {
    same "dpkg --verify finds nothing" "" "$(dpkg --root "$1" --verify $(names))"
    for sums in "$1"/var/lib/dpkg/info/linux-*.md5sums; do
        (cd "$1" && md5sum --check --quiet "$sums") || fail "$sums"
    done
}

fresh /tmp/d
before=$(listing /tmp/d)
client -i /work/1/*.deb
same "dpkg installs the set" "$(expected 1)" "$(installed /tmp/d)"
same "and runs the hooks" "preinst.d $R1 /boot/vmlinuz-$R1
postinst.d $R1 /boot/vmlinuz-$R1" "$(stages /tmp/d)"
verified /tmp/d

cp "/tmp/d/boot/System.map-$R1" /tmp/System.map
echo changed >> "/tmp/d/boot/System.map-$R1"
dpkg --root /tmp/d --verify $(names) | grep -q "/boot/System.map-$R1" || fail "a changed file goes unnoticed"
ok "a changed file is noticed"
cp /tmp/System.map "/tmp/d/boot/System.map-$R1"

dpkg --compare-versions "$(version 1)" lt "$(version 2)" || fail "the second version is not newer"
client -i /work/2/*.deb
same "dpkg upgrades in place" "$(expected 2)" "$(installed /tmp/d)"
same "and runs the hooks of both" "prerm.d $R1 /boot/vmlinuz-$R1
preinst.d $R1 /boot/vmlinuz-$R1
postrm.d $R1 /boot/vmlinuz-$R1
postinst.d $R1 /boot/vmlinuz-$R1" "$(stages /tmp/d)"
verified /tmp/d
refuses "an older one is refused" "downgrade" sh -c 'dpkg --root /tmp/d --refuse-downgrade -i /work/1/linux-image-*.deb 2>&1 |
    tee /dev/stderr | grep -q "will not downgrade" && { echo downgrade; exit 1; }'

client -r $(names)
client -P $(names)
same "dpkg leaves nothing" "$before" "$(listing /tmp/d)"
same "nor a package" "" "$(installed /tmp/d 2> /dev/null)"
