#!/bin/sh
# Boots a real systemd as PID 1 of its own namespaces, with only the units that a service needs to start. Run as root by
#   unshare --fork --pid --mount --uts --cgroup --mount-proc sh boot.sh REPOSITORY SITE_PACKAGES PYTHON_PREFIX PYTHON_NAME
# Nothing outside of the namespaces is changed: what is written goes to tmpfs.
set -eu
repository=$1 packages=$2 prefix=$3 python=$4
mount --make-rshared / # LoadCredential= moves mounts between namespaces

mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/lock /run/units /run/test
if umount -R /sys/fs/cgroup 2>/dev/null && mount -t cgroup2 cgroup2 /sys/fs/cgroup; then :; else
    mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup && mkdir /sys/fs/cgroup/unified
    mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
fi
cp -a /etc /run/etc && mount --bind /run/etc /etc
rm -rf /etc/systemd/system && mkdir /etc/systemd/system
mount -t tmpfs -o mode=755 tmpfs /var/lib

cd /usr/lib/systemd/system
for unit in sysinit basic shutdown umount final multi-user network nss-lookup time-sync; do
    cp "$unit.target" /run/units/
done
mount --bind /run/units /usr/lib/systemd/system
cd /

# /opt/recuo as `make install` leaves it, readable for every user wherever the checkout and its Python are.
mount -t tmpfs -o mode=755 tmpfs /run/test
mkdir /run/test/recuo /run/test/recuo/src /run/test/recuo/packages /run/test/python
mount --bind "$repository" /run/test/recuo/src
mount --bind "$packages" /run/test/recuo/packages
mount --bind "$prefix" /run/test/python
mkdir -p /opt && mount --rbind /run/test /opt
venv=/opt/recuo/.venv
mkdir -p "$venv/bin" "$venv/lib/$python/site-packages"
ln -s "/opt/python/bin/$python" "$venv/bin/python"
printf 'home = /opt/python/bin\n' >"$venv/pyvenv.cfg"
printf '/opt/recuo/packages\n/opt/recuo/src\n' >"$venv/lib/$python/site-packages/recuo.pth"
printf '#!%s/bin/python\nimport sys\nfrom recuo.entry import main\nsys.exit(main())\n' "$venv" >"$venv/bin/recuo"
chmod 755 "$venv/bin/recuo"

install -D -m 644 "$repository/deploy/recuo.sysusers" /etc/sysusers.d/recuo.conf
systemd-sysusers /etc/sysusers.d/recuo.conf
install -D -m 644 "$repository/deploy/recuo.service" /etc/systemd/system/recuo.service

container=unshare exec /lib/systemd/systemd --system --unit=multi-user.target --log-target=console --show-status=no
