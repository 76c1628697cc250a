# What compiling and packaging have in common: stand-ins for tools, and the call of kbuild.
# Put before the scripts that need it.
umask 022
mkdir -p /tmp/bin

# mkdebian and mkspec date their changelogs with the day of the build; its clock is SOURCE_DATE_EPOCH.
cat > /tmp/bin/date <<'STAND_IN'
#!/bin/sh
case "$*" in
"-R" | "+%a %b %d %Y") set -- "$@" -d "@$SOURCE_DATE_EPOCH" ;;
esac
exec /usr/bin/date "$@"
STAND_IN

# Host programs are linked statically, because they travel in the headers' packages to machines whose C
# library, libelf and OpenSSL are others.
cat > /tmp/bin/pkg-config <<'STAND_IN'
#!/bin/sh
/usr/bin/pkg-config --static "$@" || exit $?
case "$*" in
*libelf*--libs* | *--libs*libelf*) echo -L/tmp/bin -lelf-missing ;;
esac
STAND_IN
# The static libelf of elfutils 0.192 lacks a part of itself (0.193 has it again): a search tree, of what
# elf_getdata_rawchunk read. For who never calls that, it is made and left empty; who does will not be linked.
cat > /tmp/bin/libelf-missing.c <<'PROGRAM'
void eu_search_tree_init(void **root) { *root = 0; }
void eu_search_tree_fini(void **root, void (*free_node)(void *)) { (void)root; (void)free_node; }
PROGRAM
gcc -O2 -c -o /tmp/bin/libelf-missing.o /tmp/bin/libelf-missing.c
ar rcD /tmp/bin/libelf-missing.a /tmp/bin/libelf-missing.o

# Host programs that travel, such as objtool, would have the path of the workshop in them: kbuild calls gcc for the
# kernel only with paths relative to it.
cat > /tmp/bin/gcc <<'STAND_IN'
#!/bin/sh
exec ${CCACHE:-} /usr/bin/gcc -ffile-prefix-map="$WORKSHOP/kernel"=. "$@"
STAND_IN

chmod 755 /tmp/bin/date /tmp/bin/gcc /tmp/bin/pkg-config
PATH="/tmp/bin:$PATH"
KBUILD_BUILD_TIMESTAMP=$(date -u -d "@$SOURCE_DATE_EPOCH" '+%a %b %e %H:%M:%S UTC %Y')
export PATH KBUILD_BUILD_TIMESTAMP

kbuild() { make -C /source/tree O="$WORKSHOP/kernel" -j"$JOBS" HOSTLDFLAGS=-static "$@"; }
