#!/bin/sh
# Boots a real systemd as PID 1 of its own namespaces, with only the units that a service needs to start. Run as root by
#   unshare --fork --pid --mount --uts --cgroup --mount-proc sh boot.sh REPOSITORY SITE_PACKAGES PYTHON_PREFIX PYTHON_NAME
# Nothing outside of the namespaces is changed: /tmp, /var, /etc, /run and /dev are tmpfs, and the disk is read-only.
set -eu
[ $$ -eq 1 ] || { echo "boot.sh: not PID 1 of a namespace of its own: it would take over this machine" >&2; exit 1; }
repository=$1 packages=$2 prefix=$3 python=$4
mount --make-rshared / # LoadCredential= moves mounts between namespaces

# What is wanted of the machine, while it can be seen: a copy of /etc, and /opt/recuo as `make install` leaves it,
# readable for every user wherever the checkout and its Python are.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/lock /run/units /run/test
cp -a /etc /run/etc
mount -t tmpfs -o mode=755 tmpfs /run/test
mkdir /run/test/recuo /run/test/recuo/src /run/test/recuo/packages /run/test/python
mount --bind -o ro "$repository" /run/test/recuo/src
mount --bind -o ro "$packages" /run/test/recuo/packages
mount --bind -o ro "$prefix" /run/test/python
mkdir -p /opt

# From here on only tmpfs can be written: no unit, and no systemd-tmpfiles, reaches what the machine keeps.
mount -o remount,bind,ro /
mount --bind /run/etc /etc
mount --rbind /run/test /opt
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=755 tmpfs /var
mkdir /var/lib /var/log
mkdir -m 1777 /var/tmp
ln -s /run /var/run

# Devices of its own: systemd makes and changes nodes. Without /dev/console it stays off the machine's.
mount -t tmpfs -o mode=755 tmpfs /dev
for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "/dev/${node%:*}" c 1 "${node#*:}"; done
mknod -m 666 /dev/tty c 5 0
mkdir /dev/pts /dev/shm
mount -t devpts -o newinstance,mode=620,ptmxmode=666 devpts /dev/pts
ln -s pts/ptmx /dev/ptmx
mount -t tmpfs -o mode=1777 tmpfs /dev/shm

if umount -R /sys/fs/cgroup 2>/dev/null && mount -t cgroup2 cgroup2 /sys/fs/cgroup; then :; else
    mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
    mkdir /sys/fs/cgroup/unified
    mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
fi

# No unit of the machine, and no init script that systemd would make one of (systemd-sysv-generator(8)).
rm -rf /etc/systemd/system /etc/init.d /etc/rc?.d
mkdir /etc/systemd/system
for unit in sysinit basic shutdown umount final multi-user network nss-lookup time-sync sockets; do
    cp "/usr/lib/systemd/system/$unit.target" /run/units/
done
cp /usr/lib/systemd/system/dbus.service /usr/lib/systemd/system/dbus.socket /run/units/ # what is unprivileged asks there
mount --bind /run/units /usr/lib/systemd/system

venv=/opt/recuo/.venv
mkdir -p "$venv/bin" "$venv/lib/$python/site-packages"
ln -s "/opt/python/bin/$python" "$venv/bin/python"
printf 'home = /opt/python/bin\n' >"$venv/pyvenv.cfg"
printf '/opt/recuo/packages\n/opt/recuo/src\n' >"$venv/lib/$python/site-packages/recuo.pth"
printf '#!%s/bin/python\nimport sys\nfrom recuo.entry import main\nsys.exit(main())\n' "$venv" >"$venv/bin/recuo"
chmod 755 "$venv/bin/recuo"

install -D -m 644 /opt/recuo/src/deploy/recuo.sysusers /etc/sysusers.d/recuo.conf
systemd-sysusers /etc/sysusers.d/recuo.conf
install -D -m 644 /opt/recuo/src/deploy/recuo.service /etc/systemd/system/recuo.service

cd /
container=unshare exec /lib/systemd/systemd --system --unit=multi-user.target --log-target=console --show-status=no
