# Compiles a module against an installed devel package, with another gcc and another glibc than the kernel's.
# Reads: /work/tried.c, /work/1 with the packages; R1, what the kernel calls itself. Leaves: /work/tried.ko.
case $(ls /work/1) in
*.rpm*) rpm --force-debian --nodeps -i /work/1/*-devel-*.rpm ;;
*) dpkg --force-depends -i /work/1/linux-headers-*.deb > /dev/null ;;
esac
tree=/usr/src/kernels/$R1
[ -e "$tree" ] || tree=/usr/src/linux-headers-$R1
[ "$(readlink -f "/lib/modules/$R1/build")" = "$tree" ] || { echo "/lib/modules/$R1/build is not $tree" >&2; exit 1; }
echo 'obj-m := tried.o' > /work/Makefile
# The configuration says what the kernel's gcc can. -fmin-function-alignment came with gcc 14; without this symbol kbuild
# takes the flag of gcc before.
make -C "/lib/modules/$R1/build" M=/work CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT= modules
