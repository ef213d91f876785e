"""The hosts of one lab: containers, keys, gateways, inventory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import engine as engines
import hosts
import images
import paths
from say import LabError, run, say, step, tail

FILES = ("id_ed25519", "id_ed25519.pub", "known_hosts", "ssh_config", "inventory.yml")


def unpack(program, directory):
    """The command that unpacks a host's hermes-guard, and compiles it as it is itself: for a wrapper that imports its modules."""
    words = "rm -rf {1} && python3 -m zipfile -e {0} {1} && python3 -m compileall -q {1}"
    return words.format(program, directory)


def _assigned(values, indent):
    """Lines of YAML."""
    return "".join("%s%s: %s\n" % (indent, key, json.dumps(one)) for key, one in values.items())


def no_scheduled_restart():
    """Variables for tests that wait for restarts: the calendar begins half a day from now.

    The default calendar may fall into a test, and its restart is then taken for the one of the test.
    """
    then = time.gmtime(time.time() + 12 * 3600)
    return {"hermes_restart_timer_at": [time.strftime("%H:00", then)]}


class Fleet:
    """The containers of one prefix, and the directory with their connection data."""

    def __init__(self, engine, prefix, state, ways=None, variables=None):
        """`ways` are those that the hosts with every way shall have; None: all.

        `variables` (dict) are those of all hosts in the inventory.
        """
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", prefix):
            raise LabError(
                "--prefix %s: small letters, digits, '-', '_' and '.' are allowed" % prefix
            )
        self.engine = engine
        self.prefix = prefix
        self.state = os.path.abspath(state or paths.default_state(prefix))
        self.ways = ways
        self.variables = {"ansible_python_interpreter": "/usr/bin/python3", **(variables or {})}
        # Called with the record of a host before its gateways start.
        self.before = None
        # A start is CPU time for the most part: of too many at once, the last took longer than gateway.sh waits.
        self.starts = threading.BoundedSemaphore(os.cpu_count() + 1)

    def gateways(self, host):
        """The gateways of a host."""
        return [
            one for one in host.gateways if not self.ways or one.way in (*self.ways, "installed")
        ]

    def file(self, name):
        """A file of this lab's state."""
        return os.path.join(self.state, name)

    def container(self, name):
        """The container of a host."""
        return "%s-%s" % (self.prefix, name)

    def inspect(self, name):
        """What the engine knows of a host's container, or None."""
        done = self.engine("container", "inspect", self.container(name), check=False)
        if done.returncode:
            return None
        found = json.loads(done.stdout)[0]
        if (found["Config"]["Labels"] or {}).get("hermes-lab-prefix") != self.prefix:
            raise LabError(
                "the container %s is not the lab's: choose another --prefix" % self.container(name)
            )
        return found

    def status(self, name):
        """running, exited, ... or absent."""
        found = self.inspect(name)
        return found["State"]["Status"] if found else "absent"

    def playbook(self, name, *arguments):
        """Run a playbook of the collection, or a file ending in .yml, on the lab; subprocess.CompletedProcess."""
        name = name if name.endswith(".yml") else "hermes_ops.gateway." + name
        return subprocess.run(
            ["ansible-playbook", name, "-i", self.file("inventory.yml"), *arguments],
            cwd=paths.CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )

    def members(self):
        """The hosts of the table that have a container, in the table's order."""
        listed = self.engine(
            "ps",
            "-a",
            "--filter",
            "label=hermes-lab-prefix=" + self.prefix,
            "--format",
            "{{.Names}}",
        ).stdout.split()
        return [name for name in hosts.HOSTS if self.container(name) in listed]

    def inside(self, name, *argv, **kwargs):
        """Run a program as root in a host."""
        flags = ["-i"] if "input" in kwargs else []
        for key, value in kwargs.pop("variables", {}).items():
            flags += ["-e", "%s=%s" % (key, value)]
        return self.engine("exec", *flags, self.container(name), *argv, **kwargs)

    # -- up ---------------------------------------------------------------------------------------------------------

    def up(self, names):
        """Create every host of the table; existing ones are kept."""
        wanted = [hosts.HOSTS[name] for name in names]
        images.ensure(self.engine, wanted)
        self.key()
        # Containers one by one (engines have races over networks), the rest in parallel.
        fresh = {host.name: self.start(host) for host in wanted}
        with ThreadPoolExecutor(4) as pool:
            for job in [pool.submit(self.provision, host, fresh[host.name]) for host in wanted]:
                job.result()
            self.describe()
            for job in [pool.submit(self.knock, name) for name in names]:
                job.result()
        say("up: %s; inventory: %s" % (" ".join(names), self.file("inventory.yml")))

    def key(self):
        """The key pair of this lab."""
        os.makedirs(self.state, mode=0o700, exist_ok=True)
        if not (
            os.path.exists(self.file("id_ed25519")) and os.path.exists(self.file("id_ed25519.pub"))
        ):
            with paths.ignoring_missing():
                os.unlink(self.file("id_ed25519"))
            run(
                [
                    "ssh-keygen",
                    "-q",
                    "-t",
                    "ed25519",
                    "-N",
                    "",
                    "-C",
                    self.prefix,
                    "-f",
                    self.file("id_ed25519"),
                ]
            )

    def start(self, host):
        """A running container for the host; True when it is a new one."""
        found = self.inspect(host.name)
        status = found["State"]["Status"] if found else "absent"
        if status == "running":
            if found["Config"]["Image"] != images.tag(host):
                say(
                    "%s: made from an older recipe; `lab down %s` and `lab up %s` renew it"
                    % (host.name, host.name, host.name)
                )
            return False
        if status in ("exited", "stopped"):
            with step("starting %s" % host.name):
                self.engine("start", self.container(host.name))
            return False
        if found:
            # Never started: an earlier run ended half-way.
            self.engine("rm", "-f", "-v", self.container(host.name))
        with step("creating %s (%s)" % (host.name, host.suite)):
            try:
                self.engine(
                    "run",
                    "-d",
                    "--name",
                    self.container(host.name),
                    "--hostname",
                    host.name,
                    "--label",
                    "hermes-lab-prefix=" + self.prefix,
                    "-p",
                    "127.0.0.1::22",
                    *self.engine.run_flags,
                    images.tag(host),
                    what="starting a container for %s" % host.name,
                )
            except LabError:
                # The machine may have changed: the next run determines the flags again.
                engines.forget()
                raise
        return True

    def provision(self, host, fresh):
        """From a running container to a host with its gateways."""
        self.booted(host.name, fresh)
        with open(self.file("id_ed25519.pub"), encoding="utf-8") as handle:
            key = handle.read()
        self.inside(
            host.name,
            "sh",
            "-c",
            "umask 077; mkdir -p /root/.ssh; cat > /root/.ssh/authorized_keys",
            input=key,
        )
        if self.before:
            self.before(host)
        gateways = self.gateways(host)
        if not gateways:
            return
        # As a file and not on stdin, so that no command can read the rest of the script.
        with open(os.path.join(paths.LAB, "host/gateway.sh"), encoding="utf-8") as handle:
            script = handle.read()
        self.inside(host.name, "sh", "-c", "cat > /run/lab-gateway.sh", input=script)
        with ThreadPoolExecutor(4) as pool:
            for job in [pool.submit(self.gateway, host.name, one) for one in gateways]:
                job.result()

    def booted(self, name, fresh):
        """Wait until systemd has finished; a new host with a failed unit is an error."""
        deadline = time.monotonic() + 90
        while True:
            word = self.inside(name, "systemctl", "is-system-running", check=False).stdout.strip()
            if word == "running" or (word == "degraded" and not fresh):
                return
            if word == "degraded":
                failed = self.inside(
                    name, "systemctl", "--failed", "--no-legend", "--plain", check=False
                ).stdout
                raise LabError("%s booted, but units failed:%s" % (name, tail(failed)))
            if time.monotonic() > deadline:
                logs = self.engine("logs", self.container(name), check=False)
                raise LabError(
                    "%s has not booted after 90 s (%s)%s"
                    % (name, word or self.status(name), tail(logs.stdout + logs.stderr))
                )
            time.sleep(0.3)

    def gateway(self, name, gateway):
        """One gateway of a host, through the script that runs there."""
        texts = {}
        for key, path in (("CONFIG", "config.yaml.txt"), ("DOTENV", "env"), ("SIGNAL", "signal")):
            with open(os.path.join(paths.LAB, "host", path), encoding="utf-8") as handle:
                texts[key] = handle.read()
        what = "%s: %s of %s (%s scope)" % (name, gateway.unit, gateway.user, gateway.scope)
        with self.starts, step(what):
            self.inside(
                name,
                "bash",
                "/run/lab-gateway.sh",
                *map(str, gateway[:5]),
                gateway.unit,
                str(gateway.stub),
                what="%s: %s" % (name, gateway.unit),
                variables=texts,
                timeout=300,
            )

    # -- how to reach them ------------------------------------------------------------------------------------------

    def port(self, name):
        """The port on 127.0.0.1 of a host's sshd; with some engines it changes at a restart."""
        lines = self.engine("port", self.container(name), "22/tcp").stdout.split()
        if not lines:
            raise LabError("%s: the engine published no port for ssh" % name)
        return int(lines[0].rpartition(":")[2])

    def describe(self):
        """Write known_hosts, ssh_config and the inventory of the running hosts."""
        known, config, inventory = [], [], []
        for name in self.members():
            if self.status(name) != "running":
                continue
            alias, port = self.container(name), self.port(name)
            public = self.inside(name, "cat", "/etc/ssh/ssh_host_ed25519_key.pub").stdout.split()
            known.append("%s %s %s\n" % (alias, public[0], public[1]))
            config.append(
                'Host %s\n  HostName 127.0.0.1\n  Port %d\n  User root\n  HostKeyAlias %s\n  IdentityFile "%s"\n  IdentitiesOnly yes\n'
                '  UserKnownHostsFile "%s"\n  StrictHostKeyChecking yes\n  LogLevel ERROR\n\n'
                % (name, port, alias, self.file("id_ed25519"), self.file("known_hosts"))
            )
            common = (
                "-F none -o HostKeyAlias=%s -o UserKnownHostsFile=%s -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
                % (alias, json.dumps(self.file("known_hosts")))
            )
            values = {
                "ansible_host": "127.0.0.1",
                "ansible_port": port,
                "ansible_user": "root",
                "ansible_ssh_private_key_file": self.file("id_ed25519"),
                "ansible_ssh_common_args": common,
            }
            inventory.append("        %s:\n%s" % (name, _assigned(values, " " * 10)))
        paths.write(self.file("known_hosts"), "".join(known))
        paths.write(self.file("ssh_config"), "".join(config))
        paths.write(
            self.file("inventory.yml"),
            "# Written by tests/lab/lab.\nall:\n  children:\n    hermes:\n      vars:\n"
            + _assigned(self.variables, " " * 8)
            + "      hosts:\n"
            + "".join(inventory),
        )

    def ssh(self, name, *argv):
        """The command line that reaches a host over ssh."""
        return ["ssh", "-F", self.file("ssh_config"), name, *argv]

    def knock(self, name):
        """Wait until the host answers over ssh, as Ansible requires."""
        argv = self.ssh(name, "true")
        argv[1:1] = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=5"]
        deadline = time.monotonic() + 30
        while True:
            done = run(argv, check=False, timeout=30)
            if done.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise LabError(
                    "%s does not answer over ssh on port %d%s"
                    % (name, self.port(name), tail(done.stderr))
                )
            time.sleep(0.5)

    # -- down and status --------------------------------------------------------------------------------------------

    def down(self, names):
        """Remove hosts, and with the last one everything that was generated."""
        for name in names:
            if self.inspect(name):
                with step("removing %s" % name):
                    # Killed first: a polite stop would wait for every gateway to drain.
                    self.engine("kill", self.container(name), check=False)
                    self.engine("rm", "-f", "-v", self.container(name))
        if self.members():
            self.describe()
            return
        for name in FILES:
            with paths.ignoring_missing():
                os.unlink(self.file(name))
        for folder in (self.state, os.path.dirname(paths.default_state(self.prefix))):
            # A directory with other files is kept.
            if os.path.isdir(folder) and not os.listdir(folder):
                os.rmdir(folder)
        say("down: only the cached images of %s are left" % self.prefix)

    def table(self):
        """One line for each host and each gateway."""
        yield "%-8s %-10s %-9s %s" % ("HOST", "SUITE", "STATE", "ADDRESS")
        for name in self.members() or hosts.FLEET:
            host, status = hosts.HOSTS[name], self.status(name)
            address = "127.0.0.1:%d" % self.port(name) if status == "running" else "-"
            yield "%-8s %-10s %-9s %s" % (name, host.suite, status, address)
            if host.hermes != "none":
                yield "         Hermes %s: %s" % (host.hermes, hosts.RELEASES[host.hermes])
            for gateway in self.gateways(host) if status == "running" else ():
                argv = ["systemctl", "show", "-p", "ActiveState,MainPID", "--value", gateway.unit]
                if gateway.scope == "user":
                    script = 'cd / && exec runuser -u "$0" -- env XDG_RUNTIME_DIR=/run/user/$(id -u "$0") "$@"'
                    argv = ["sh", "-c", script, gateway.user, "systemctl", "--user"] + argv[1:]
                done = self.inside(name, *argv, check=False)
                yield "         %s of %s (%s scope): %s" % (
                    gateway.unit,
                    gateway.user,
                    gateway.scope,
                    " ".join(done.stdout.split()) or done.stderr.strip(),
                )
