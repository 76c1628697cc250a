# Tells what a build can see of where it runs: `name=value`, a line each.
set -eu
touch "$WORKSHOP/now"
mkdir "$WORKSHOP/order"
for name in one two three four five six seven eight nine ten eleven twelve; do
    touch "$WORKSHOP/order/$name"
done
cat <<FACTS
jobs=$JOBS
processors=$(nproc)
path=$WORKSHOP
file system=$(stat --file-system --format %T "$WORKSHOP")
directory order=$(cd "$WORKSHOP/order" && ls -U | tr '\n' ' ')
user=$(id -u)
umask=$(umask)
host name=$(uname -n)
time zone=${TZ:-unset}
locale=${LC_ALL:-unset}
clock=$(((($(date +%s) - $(stat --format %Y "$WORKSHOP/now")) + 43200) / 86400)) days ahead
host kernel=$(uname -r)
FACTS
rm -r "$WORKSHOP/order" "$WORKSHOP/now"
