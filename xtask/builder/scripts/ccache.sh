# Runs "$@" with ccache between kbuild and gcc, where its disk has room, and tells what it found there.
set -eu
free=$(df --output=avail -k "$CCACHE_DIR" | tail -n 1)
if [ "$free" -lt 524288 ] || ! touch "$CCACHE_DIR/.writable" 2>/dev/null; then
    echo 'ccache: its disk is full or cannot be written to'
    exec "$@"
fi
count() { ccache --print-stats | awk -v name="$1" '$1 == name { print $2 }'; }
counts() {
    hits=$(($(count direct_cache_hit) + $(count preprocessed_cache_hit)))
    misses=$(count cache_miss)
}
counts
hits_before=$hits misses_before=$misses
status=0
CCACHE=ccache "$@" || status=$?
counts
echo "ccache: $((hits - hits_before)) hits, $((misses - misses_before)) misses"
exit "$status"
