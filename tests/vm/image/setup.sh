#!/bin/sh
# From a host of the lab to one that boots: kernel, initramfs, udev, network, and keys from a second disk.
set -eu
cd "$(dirname "$0")"
export DEBIAN_FRONTEND=noninteractive

# The cloud kernel has virtio as modules. All that the initramfs needs is the disk; udev finds the rest later.
mkdir -p /etc/initramfs-tools/conf.d /usr/share/initramfs-tools/modules.d
printf 'MODULES=list\nCOMPRESS=gzip\n' > /etc/initramfs-tools/conf.d/vm
printf 'virtio_pci\nvirtio_blk\next4\n' > /usr/share/initramfs-tools/modules.d/vm

printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
# The lab's hosts have no way out: the archive that the packages come from is the base image's.
mkdir /opt/vm
tar -C /opt/vm -xf apt.tar
apt="apt-get -q -o Dir::Etc=/opt/vm -o Dpkg::Options::=--force-unsafe-io"
$apt update
# psutil as on a host that has had the role already: to install it is tested elsewhere, and takes long here.
$apt install -y --no-install-recommends linux-image-cloud-amd64 initramfs-tools udev e2fsprogs python3-psutil
$apt clean
rm -rf /var/lib/apt/lists/* /opt/vm /usr/sbin/policy-rc.d
mv /boot/vmlinuz-* /boot/vmlinuz
mv /boot/initrd.img-* /boot/initrd.img

cat > /etc/systemd/network/vm.network <<'UNIT'
[Match]
Type=ether

[Network]
Address=10.0.2.15/24
UNIT
cat > /etc/systemd/system/vm-keys.service <<'UNIT'
[Unit]
Description=Keys of this machine, from its second disk
Before=ssh.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/tar -C / -xf /dev/vdb

[Install]
RequiredBy=ssh.service
UNIT
# qemu takes connections before there is a sshd, and what comes too early is slow to get through: the console tells when to begin.
mkdir /etc/systemd/system/ssh.service.d
cat > /etc/systemd/system/ssh.service.d/vm.conf <<'UNIT'
[Service]
ExecStartPost=/bin/sh -c 'echo sshd is up > /dev/ttyS0'
UNIT
systemctl enable systemd-networkd.service vm-keys.service
# What the host of the lab was is another machine.
systemctl disable lab-ssh-keys.service
rm -f /etc/ssh/ssh_host_*
: > /etc/machine-id
# The one would wait for more than a static address, the other is a minute's work for nothing.
systemctl mask systemd-networkd-wait-online.service e2scrub_reap.service
# Of the host's gateway only the set-up: its state is another process's.
rm -f /home/hermes/.hermes/gateway_state.json /home/hermes/.hermes/gateway.pid
