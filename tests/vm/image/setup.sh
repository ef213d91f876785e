#!/bin/sh
# Makes a lab host bootable: kernel, initramfs, udev, network, and keys from a second disk.
set -eu
cd "$(dirname "$0")"
export DEBIAN_FRONTEND=noninteractive

# The cloud kernel has virtio as modules. All that the initramfs needs is the disk; udev finds the rest later.
mkdir -p /etc/initramfs-tools/conf.d /usr/share/initramfs-tools/modules.d
printf 'MODULES=list\nCOMPRESS=gzip\n' > /etc/initramfs-tools/conf.d/vm
printf 'virtio_pci\nvirtio_blk\next4\n' > /usr/share/initramfs-tools/modules.d/vm

printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
# Lab hosts have no network: the packages come from the archive of the base image.
mkdir /opt/vm
tar -C /opt/vm -xf apt.tar
apt="apt-get -q -o Dir::Etc=/opt/vm -o Dpkg::Options::=--force-unsafe-io"
$apt update
# psutil is preinstalled, because installing it takes long here and is tested elsewhere.
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
# qemu accepts connections before sshd runs, and early ones are slow: the console shows when to begin.
mkdir /etc/systemd/system/ssh.service.d
cat > /etc/systemd/system/ssh.service.d/vm.conf <<'UNIT'
[Service]
ExecStartPost=/bin/sh -c 'echo sshd is up > /dev/ttyS0'
UNIT
systemctl enable systemd-networkd.service vm-keys.service
# Remove the identity of the lab host.
systemctl disable lab-ssh-keys.service
rm -f /etc/ssh/ssh_host_*
: > /etc/machine-id
# The first would wait for more than a static address, the second would take a minute for nothing.
systemctl mask systemd-networkd-wait-online.service e2scrub_reap.service
# Keep only the set-up of the gateway: its state belongs to another process.
rm -f /home/hermes/.hermes/gateway_state.json /home/hermes/.hermes/gateway.pid
