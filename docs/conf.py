"""How Sphinx builds the documentation site (`make docs`) from this folder's Markdown. Imports nothing from Thaw.

Three pages lie elsewhere, where readers of the repository look for them; a stub here links to each, and is filled with
the page when the site is built.
"""

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

project = "Thaw"
extensions = ["myst_parser", "sphinx_click"]
source_suffix = {".md": "markdown"}
html_theme = "furo"
# Commands are copied from pages, so quotes and double hyphens stay as they are written.
smartquotes = False
html_title = "Thaw"
html_copy_source = False
html_show_copyright = False
# Links to a heading name it as GitHub does.
myst_heading_anchors = 4

DOCS = Path(__file__).resolve().parent
STUBS = {
    "changelog": DOCS.parent / "CHANGELOG.md",
    "contributing": DOCS.parent / "CONTRIBUTING.md",
    "howto/kubeflow": DOCS.parent / "kubeflow" / "README.md",
}


def fill_stubs(app: Sphinx, page: str, source: list[str]) -> None:
    """Fills a stub, and points links at the filled pages instead of at what they are filled with."""
    home = DOCS / page
    origin = STUBS.get(page, home)
    text = origin.read_text(encoding="utf-8") if page in STUBS else source[0]

    def moved(link: re.Match[str]) -> str:
        target = (origin.parent / link.group(1)).resolve()
        filled = {original: DOCS / f"{stub}.md" for stub, original in STUBS.items()}
        return f"]({os.path.relpath(filled.get(target, target), home.parent)}{link.group(2)})"

    # Addresses have a colon, and an anchor of the same page has no path.
    source[0] = re.sub(r"\]\(([^):#\s]+)(#[^)\s]*|)\)", moved, text)


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("source-read", fill_stubs)
