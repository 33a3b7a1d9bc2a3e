# One fixed user, no cluster of the package's making, and no just-in-time compiler (128 MB of LLVM that small databases do not need).
set -eu
rm -rf /var/lib/postgresql /etc/postgresql /var/log/postgresql /run/postgresql /etc/init.d/postgresql
groupmod --gid 999 postgres
usermod --uid 999 --gid 999 --home /var/lib/postgresql postgres
mkdir -p /var/lib/postgresql/data /run/postgresql /etc/kopnams/database
chown 999:999 /var/lib/postgresql /var/lib/postgresql/data /run/postgresql
rm -f /usr/lib/x86_64-linux-gnu/libLLVM* /usr/lib/aarch64-linux-gnu/libLLVM*
rm -rf /usr/lib/postgresql/*/lib/llvmjit* /usr/lib/postgresql/*/lib/bitcode
# The programs of the one version that the suite has, under a path without the number.
set -- /usr/lib/postgresql/*/bin
[ $# -eq 1 ] || { echo "more than one version of PostgreSQL is installed: $*" >&2; exit 1; }
ln -s "$1" /usr/local/lib/postgresql
