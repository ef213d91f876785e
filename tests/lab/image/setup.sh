#!/bin/sh
# From a bare Debian to a small VPS: systemd, sshd, Python, and a local apt repository.
set -eu
export DEBIAN_FRONTEND=noninteractive
install="apt-get install -y -q --no-install-recommends -o Dpkg::Options::=--force-unsafe-io"

# Nothing may start while packages are installed: in a chroot that would be on the host.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

apt-get update -q
$install systemd systemd-sysv dbus dbus-user-session libpam-systemd python3 openssh-server procps iproute2 sudo ca-certificates

# What roles may install later, for hosts without a way out: .debs and what they need, as a repository.
repo=/opt/lab/apt
mkdir -p $repo
$install --download-only -o Dir::Cache::archives=$repo python3-psutil python3-apt libjemalloc2
rm -rf $repo/partial $repo/lock
cd $repo
for deb in *.deb; do
    dpkg-deb -f "$deb"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum < "$deb" | cut -d' ' -f1)"
done > Packages
chmod -R u=rwX,go=rX /opt/lab
rm -f /etc/apt/sources.list.d/*
echo "deb [trusted=yes] file:$repo ./" > /etc/apt/sources.list
apt-get clean
rm -rf /var/lib/apt/lists/*
# A repository that does not work should fail here and not in a test.
apt-get update -q
$install --simulate python3-psutil libjemalloc2 > /dev/null
rm -rf /var/lib/apt/lists/*

# The container is privileged: nothing in it may touch the host's kernel settings, modules or terminals.
# apt's own timers would only hold its lock while a test wants it.
systemctl mask systemd-modules-load.service systemd-sysctl.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount \
    kmod-static-nodes.service sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount \
    getty.target console-getty.service getty@tty1.service systemd-remount-fs.service \
    apt-daily.timer apt-daily-upgrade.timer

# Every host has its own identity.
rm -f /etc/ssh/ssh_host_* /usr/sbin/policy-rc.d
: > /etc/machine-id
cat > /etc/systemd/system/lab-ssh-keys.service <<'UNIT'
[Unit]
Description=Host keys of this lab host
Before=ssh.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=ssh.service
UNIT
systemctl enable ssh.service lab-ssh-keys.service
