# The sandbox's first process: $1 is its folder. Loopback is the only network, the names of the database's hosts lead to it,
# and /run has nothing but the gate's secrets. It ends when its standard input does, and everything in it then ends too.
set -eu
# The pid that the outside knows: /proc is still the outside's.
read -r pid rest </proc/self/stat
ip link set lo up
mount --bind "$1/hosts" /etc/hosts
mount -t tmpfs tmpfs /run
# A local server's socket where PostgreSQL's own builds put it.
for socket in /tmp/.s.PGSQL.*; do
    if [ -S "$socket" ]; then mount --bind /dev/null "$socket"; fi
done
mkdir /run/secrets
cp "$1/secrets/"* /run/secrets/ 2>/dev/null || true
rm -rf "$1/secrets"
printf '%s\n' "$pid"
exec cat >/dev/null
