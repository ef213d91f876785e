# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether root may run a Python. In the tests we are root, and other users are other modes."""

from __future__ import annotations

import os
import shutil
import struct
import tempfile

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import trust

REAL = os.lstat


class Place:
    """A virtual environment, the sources of a program beside it, and who owns what."""

    def __init__(self, root):
        self.root = root
        self.venv = root + "/venv"
        self.python = self.venv + "/bin/python"
        self.packages = self.venv + "/lib/python3.11/site-packages"
        self.base = root + "/store"
        self.others = {}
        for folder in (self.venv + "/bin", self.packages, self.base + "/bin", root + "/src"):
            os.makedirs(folder)
        self.write("store/bin/python3.11", "")
        self.write("store/lib.py", "")
        self.write("src/app.py", "")
        self.write("venv/lib/python3.11/site-packages/needed.py", "")
        self.write(
            "venv/pyvenv.cfg", "home = %s/bin\ninclude-system-site-packages = false\n" % self.base
        )
        os.symlink(self.base + "/bin/python3.11", self.python)

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        return path

    def lstat(self, path):
        info = REAL(path)
        uid, mode = self.others.get(str(path), (0, info.st_mode))
        if not str(path).startswith(self.root):
            # The temporary directory is everyone's.
            mode &= ~0o022
        return os.stat_result((mode, *info[1:4], uid, *info[5:]))

    def why_not(self, *places):
        return trust.why_not(self.python, places)


@pytest.fixture
def place(monkeypatch):
    root = os.path.realpath(tempfile.mkdtemp())
    mask = os.umask(0o022)
    made = Place(root)
    monkeypatch.setattr(trust, "lstat", made.lstat)
    yield made
    os.umask(mask)
    shutil.rmtree(root)


def test_python_of_root(place):
    assert place.why_not() is None
    assert place.why_not(place.root + "/src") is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "venv",
        "venv/bin",
        "venv/bin/python",
        "venv/pyvenv.cfg",
        "venv/lib/python3.11/site-packages/needed.py",
        "store/bin/python3.11",
        "store/lib.py",
        "src/app.py",
        "src",
    ],
)
def test_what_another_user_owns(place, name):
    path = os.path.join(place.root, name).rstrip("/")
    place.others[path] = (1000, REAL(path).st_mode)
    assert place.why_not(place.root + "/src") == "%s belongs to uid 1000" % path


@pytest.mark.parametrize("bits", [0o020, 0o002, 0o1002])
@pytest.mark.parametrize("name", ["venv", "store/lib.py", "src"])
def test_what_others_may_write(place, name, bits):
    path = os.path.join(place.root, name)
    place.others[path] = (0, REAL(path).st_mode | bits)
    assert place.why_not(place.root + "/src") == "%s is writable by users other than root" % path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.pth", "# a comment\n%s\n"),
        ("x.pth", "../../../../../" + "elsewhere" + "\n#%s\n"),
        ("x.pth", "import sys; sys.path.insert(0, '%s')\n"),
        ("__editable___app_finder.py", "MAPPING: dict[str, str] = {'app': '%s'}\n"),
    ],
)
def test_what_a_file_adds_to_the_library(place, name, text):
    """As an editable install has it: the sources are somewhere else, often in a home."""
    added = place.write("elsewhere/app.py", "")
    path = os.path.join(place.packages, name)
    place.write(path, text % os.path.dirname(added))
    if text.startswith(".."):
        os.rename(place.root + "/elsewhere", place.root + "/venv/elsewhere")
        added = place.root + "/venv/elsewhere/app.py"
        place.write(path, text.replace("../../../../../", "../../../") % "")
    assert place.why_not() is None
    place.others[added] = (1000, REAL(added).st_mode)
    assert place.why_not() == "%s belongs to uid 1000" % added


def test_what_is_only_read(place):
    """The content of a directory that is only read does not matter."""
    path = place.write("home/notes", "")
    place.others[path] = (1000, REAL(path).st_mode)
    home = place.root + "/home"
    assert trust.why_not(place.python, [], [home]) is None
    assert trust.why_not(place.python, [home]) == "%s belongs to uid 1000" % path
    place.others[home] = (0, REAL(home).st_mode | 0o020)
    assert trust.why_not(place.python, [], [home]).endswith(
        "home is writable by users other than root"
    )


def test_link_to_what_another_user_owns(place):
    target = place.write("elsewhere/app.py", "")
    os.symlink(os.path.dirname(target), place.packages + "/app")
    assert place.why_not() is None
    place.others[target] = (1000, REAL(target).st_mode)
    assert place.why_not() == "%s belongs to uid 1000" % target


@pytest.mark.parametrize("end", ["", "/usr"])
def test_link_of_the_kernel(place, end):
    """/proc/PID/fd/0 may be a directory in another user's mounts, and says only "/"."""
    link = "/proc/%d/root" % os.getpid()
    assert trust.why_not(link + end) == "%s leads through /proc" % (link + end)
    assert place.why_not("/dev/fd/0") == "/dev/fd/0 leads through /proc"


def test_links_that_lead_nowhere_or_in_a_circle(place):
    os.symlink("nowhere", place.packages + "/gone")
    os.symlink(".", place.packages + "/circle")
    assert place.why_not() is None
    os.symlink("loop", place.root + "/loop")
    assert "too many symbolic links" in trust.why_not(place.root + "/loop")


def test_python_that_does_not_exist(place):
    assert (
        trust.why_not(place.root + "/none")
        == "%s/none cannot be read: No such file or directory" % place.root
    )


def test_more_than_can_be_looked_at(place, monkeypatch):
    monkeypatch.setattr(trust, "MAX_ENTRIES", 10)
    assert place.why_not() == "it has more than 10 files to check"


def test_pth_without_end(place, monkeypatch):
    monkeypatch.setattr(trust, "_MAX_BYTES", 100)
    place.write(place.packages + "/x.pth", "x" * 200)
    assert place.why_not().endswith("x.pth is too long to check")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.pth", "%s\n"),
        ("x.pth", "import sys; sys.path.insert(0, '%s')\n"),
        ("__editable___app_finder.py", "MAPPING = {'app': '%s'}\n"),
    ],
)
def test_what_a_file_adds_and_someone_may_make_next(place, name, text):
    """It is missing at the check, and belongs to another user at the import."""
    folder = os.path.dirname(place.write("shared/notes", ""))
    place.write(os.path.join(place.packages, name), text % (folder + "/app"))
    assert place.why_not() is None
    place.others[folder] = (0, REAL(folder).st_mode | 0o1002)
    assert place.why_not() == "%s is writable by users other than root" % folder
    place.others[folder] = (1000, REAL(folder).st_mode)
    assert place.why_not() == "%s belongs to uid 1000" % folder


def test_link_to_what_someone_may_make_next(place):
    folder = os.path.dirname(place.write("shared/notes", ""))
    os.symlink(folder + "/app.py", place.packages + "/app.py")
    assert place.why_not() is None
    place.others[folder] = (1000, REAL(folder).st_mode)
    assert place.why_not() == "%s belongs to uid 1000" % folder


def test_words_that_are_no_path(place):
    """An editable install's file has other texts in it too."""
    text = "a = '/%s'\nb = '/a\0b'\nc = '/x/%%s'\n" % ("y" * 300)
    place.write(place.packages + "/__editable___app_finder.py", text)
    assert place.why_not() is None


@pytest.mark.parametrize("name", ["lib", "lib64"])
def test_library_of_the_system_that_someone_may_make_next(place, monkeypatch, name):
    """On Debian the group staff could write /usr/local/lib, where python3.11 may not be yet."""
    prefix = place.root + "/local"
    os.makedirs(prefix + "/" + name)
    monkeypatch.setattr(trust, "_SHARED", (place.base, prefix))
    python = place.base + "/bin/python3.11"
    assert trust.why_not(python) is None
    place.others[prefix + "/" + name] = (0, REAL(prefix + "/" + name).st_mode | 0o020)
    assert trust.why_not(python) == "%s/%s is writable by users other than root" % (prefix, name)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_access_control_list(place):
    """What it lets others do is in the bits of the group, as its mask."""
    path = place.root + "/src"
    # acl(5): the owner, nobody by name, the group, the mask, others; each may do this much.
    entries = [(1, 7, -1), (2, 7, 65534), (4, 5, -1), (16, 7, -1), (32, 5, -1)]
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *one) for one in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", value)
    except OSError:
        pytest.skip("no ACL in this file system")
    assert place.why_not(path) == "%s is writable by users other than root" % path


MOUNTS = """\
20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
21 20 8:2 / /home rw,nosuid,nodev - ext4 /dev/sda2 rw
22 20 0:50 / /opt/a\\040b rw,nosuid,nodev shared:9 - fuse.sshfs h: rw,user_id=1000,group_id=0
23 20 0:51 / /opt/win rw,relatime - fuseblk /dev/sdb1 rw,user_id=0,group_id=0,allow_other
24 20 0:52 / /srv rw,relatime - fuse.x x rw,user_id=1000
25 20 8:3 / /srv rw,relatime - ext4 /dev/sda3 rw
26 20 8:9 / /media/ada/STICK rw,nosuid,nodev,relatime master:2 - ext4 /dev/sdc1 rw
broken line
"""


def test_mounts_whose_owners_say_nothing():
    """A stick that ada made elsewhere says that its files are root's; so may a FUSE of hers."""
    found = trust.doubtful_mounts(MOUNTS)
    assert sorted(found) == ["/home", "/media/ada/STICK", "/opt/a b"]
    assert found["/opt/a b"] == "is a user's FUSE file system"
    assert "nosuid" in found["/home"]
    # systemd mounts all nosuid for a unit that may not get new privileges.
    sandbox = MOUNTS.replace("rw,relatime shared:1", "rw,nosuid,relatime shared:1")
    assert sorted(trust.doubtful_mounts(sandbox)) == ["/opt/a b"]
    assert trust.doubtful_mounts("") == {}


def test_file_system_of_a_user(place, monkeypatch):
    monkeypatch.setattr(trust, "doubtful_mounts", lambda table: {place.venv: "is a stick of ada"})
    assert place.why_not() == "%s is a stick of ada" % place.venv
