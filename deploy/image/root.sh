#!/bin/sh
# root.sh BINARY FOLDER: the root file system of the image, with a binary and only what it needs.
set -eu
binary=$1 root=$2

mkdir -p "$root/etc/ssl/certs" "$root/tmp" "$root/devo-collector"
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
for folder in certs config credentials state; do
    install -d -o 10001 -g 10001 -m 0755 "$root/devo-collector/$folder"
done
