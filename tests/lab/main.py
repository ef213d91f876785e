"""Small VPSes with booted systemd, sshd and real Hermes gateways, as containers.

lab up [HOST ...]         create them (default: alpha beta gamma zeta); safe to repeat
lab down [HOST ...]       remove them; with --images the cached images as well
lab status                show what runs
lab ssh HOST [CMD ...]    run a command or a shell over ssh, as Ansible does
lab exec HOST CMD ...     run a command through the container engine
"""

from __future__ import annotations

import argparse
import os
import sys

import engine as engines
import hosts
import images
import paths
from fleet import Fleet
from say import LabError, say


def parse(argv):
    """The command line."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--prefix",
        default=argparse.SUPPRESS,
        metavar="NAME",
        help="prefix of the container names (default: hermes-lab)",
    )
    common.add_argument(
        "--state",
        default=argparse.SUPPRESS,
        metavar="DIR",
        help="directory for the key, the inventory and the ssh config (default: .lab/PREFIX in the checkout)",
    )
    parser = argparse.ArgumentParser(
        prog="lab",
        description=__doc__,
        parents=[common],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="up|down|status|ssh|exec"
    )
    for name in ("up", "down"):
        command = commands.add_parser(name, parents=[common])
        command.add_argument("hosts", nargs="*", metavar="HOST")
        if name == "down":
            command.add_argument(
                "--images", action="store_true", help="remove the cached images as well"
            )
    commands.add_parser("status", parents=[common])
    for name in ("ssh", "exec"):
        command = commands.add_parser(name, parents=[common])
        command.add_argument("host", metavar="HOST")
        command.add_argument("argv", nargs=argparse.REMAINDER, metavar="CMD")
    args = parser.parse_args(argv)
    args.prefix, args.state = getattr(args, "prefix", "hermes-lab"), getattr(args, "state", None)
    if args.command == "exec" and not args.argv:
        parser.error("exec: a command is needed")
    return args


def check(names):
    """Check that the hosts are in the table."""
    for name in names:
        if name not in hosts.HOSTS:
            raise LabError("unknown host %s: expected one of %s" % (name, ", ".join(hosts.HOSTS)))
    return list(dict.fromkeys(names))


def main(argv):
    """Run one command."""
    args = parse(argv)
    names = check(getattr(args, "hosts", None) or ([args.host] if "host" in args else []))
    if args.command == "up":
        engines.install(["ssh", "ssh-keygen"])
    try:
        engine = engines.find(may_install=args.command == "up")
    except LabError:
        # A new machine may have docker's client, which does not say whether there are containers.
        if args.command != "down" or engines.remembered():
            raise
        say("down: no container engine was used yet, so there is nothing to remove")
        return
    fleet = Fleet(engine, args.prefix, args.state)
    if args.command == "up":
        with paths.locked("prefix-" + args.prefix):
            fleet.up(names or list(hosts.FLEET))
    elif args.command == "down":
        with paths.locked("prefix-" + args.prefix):
            fleet.down(names or fleet.members())
            if args.images:
                with paths.locked("images"):
                    images.remove(engine)
    elif args.command == "status":
        print("\n".join(fleet.table()))
    else:
        if fleet.status(names[0]) != "running":
            raise LabError("%s is not up: `lab up %s`" % (names[0], names[0]))
        if args.command == "ssh" and not os.path.exists(fleet.file("ssh_config")):
            raise LabError("%s is not ready: `lab up` has not finished" % names[0])
        line = fleet.ssh(names[0], *args.argv)
        if args.command == "exec":
            line = (
                engine.argv
                + [
                    "exec",
                    "-it" if sys.stdin.isatty() and sys.stdout.isatty() else "-i",
                    fleet.container(names[0]),
                ]
                + args.argv
            )
        os.execvp(line[0], line)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except LabError as error:
        sys.exit("lab: %s" % error)
    except KeyboardInterrupt:
        sys.exit("lab: interrupted; run it again to continue, or run `lab down`")
