"""Debian packages that a test installs on lab hosts, which have no network: python3 debs.py SUITE PACKAGE... prints their directory.

They are downloaded once, with their dependencies, while an image is built: only then is a network available.
"""

from __future__ import annotations

import os
import shutil
import sys

import engine as engines
import images
import paths
from say import step

RECIPE = """ARG BASE
FROM ${BASE}
RUN mkdir /debs && apt-get update -q && \\
    apt-get install -y -q --no-install-recommends --download-only -o Dir::Cache::archives=/debs %s
"""


def folder(suite, packages):
    """The folder with the .deb files for hosts of a suite."""
    place = os.path.dirname(
        paths.cache("debs", "%s-%s" % (suite, images.digest([], *packages)), "x")
    )
    complete = os.path.join(place, "complete")
    with paths.locked("debs"):
        if not os.path.exists(complete):
            _download(suite, packages, place)
            with open(complete, "w", encoding="ascii"):
                pass
    return place


def _download(suite, packages, place):
    engine = engines.find()
    image = "localhost/hermes-lab-debs:" + suite
    with images.scratch("debs") as context, step("downloading %s" % " ".join(packages)):
        source = images.base(engine, suite)
        engine.settle(source)
        recipe = os.path.join(context, "Containerfile")
        with open(recipe, "w", encoding="utf-8") as handle:
            handle.write(RECIPE % " ".join(packages))
        flags = [*engine.build_flags, "--build-arg", "BASE=" + source, "-f", recipe, "-t", image]
        engine("build", *flags, context, what="downloading packages", timeout=600)
        made = engine("create", image, "true").stdout.strip()
        try:
            shutil.rmtree(place)
            engine("cp", made + ":/debs", place)
        finally:
            engine("rm", made)
            engine("rmi", image)


if __name__ == "__main__":
    print(folder(sys.argv[1], sys.argv[2:]))
