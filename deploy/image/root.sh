#!/bin/sh
# root.sh BINARY FOLDER: what the image is made of. FOLDER/system is its root, with a binary and only what it needs;
# FOLDER/home is what belongs to the collector.
set -eu
binary=$1 root=$2/system home=$2/home

mkdir -p "$root/etc/ssl/certs" "$root/tmp"
install -m 0755 "$binary" "$root/quittance"

# The loader and the libraries that the binary names. The C library looks up hosts by itself: by files, and by DNS.
ldd "$binary" | grep -o '/[^ ]*' | while read -r library; do
    install -D -m 0755 "$library" "$root$library"
done
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
echo 'root:x:0:0::/:/nonexistent' > "$root/etc/passwd"
echo 'collector:x:10001:10001::/devo-collector:/nonexistent' >> "$root/etc/passwd"
printf 'root:x:0:\ncollector:x:10001:\n' > "$root/etc/group"

# The authorities by which AWS is verified; Devo is verified by the chain in certs/ alone.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

chmod 1777 "$root/tmp"
mkdir -p "$home/certs" "$home/config" "$home/credentials" "$home/state"
