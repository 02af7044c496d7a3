#!/bin/sh
# First process of the User-Mode Linux machine: mount what programs expect, load the
# PPP modules, and hand over to the guest program. The root file system is the host's,
# read-only; what is written here stays in this machine's memory.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
# The host's own PPP secrets, options and scripts are not ours to use.
mount -t tmpfs tmpfs /etc/ppp
: >/etc/ppp/options
modules=/usr/lib/uml/modules/$(uname -r)/kernel
for module in lib/crc-ccitt drivers/net/slip/slhc drivers/net/ppp/ppp_generic \
  drivers/net/ppp/pppox drivers/net/ppp/pppoe drivers/net/ppp/ppp_async \
  drivers/net/veth; do
  insmod "$modules/$module.ko" || echo "insmod $module failed"
done
exec /usr/bin/python3 -S -E "${0%/*}/uml_guest.py"
