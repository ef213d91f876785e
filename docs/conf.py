# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx settings of the documentation site, which `make docs` builds.

It has these pages, and by antsibull-docs the modules, roles and filters.
"""

from __future__ import annotations

import re

project = "hermes_ops.gateway"
author = "hermes_ops contributors"
project_copyright = "2026, " + author
extensions = ["myst_parser", "sphinx_antsibull_ext"]
html_theme = "sphinx_ansible_theme"
html_title = project
html_theme_options = {"topbar_links": {"Source": "https://github.com/hermes-ops/ansible-gateway"}}
# The anchors that GitHub gives to headings, which the pages link to.
myst_heading_anchors = 4
nitpicky = True
# Labels of Ansible's own documentation, which is not fetched. References within the collection are
# checked by `antsibull-docs lint-collection-docs`, and links between the pages by myst_parser.
suppress_warnings = ["ref.ref"]
default_role = "any"

BLOB = "https://github.com/hermes-ops/ansible-gateway/blob/main/"


def _outside(_app, _name, text):
    """Link to what is not on the site, such as a role's README, in the repository."""
    text[0] = re.sub(r"\]\(\.\./", "](" + BLOB, text[0])


def setup(app):
    """Called by Sphinx."""
    app.connect("source-read", _outside)
