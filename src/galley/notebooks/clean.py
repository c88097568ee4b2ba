"""Clean: a notebook's HTML without anything that runs, loads or covers its surroundings; and what it lost, in words."""

import base64
import html as text
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nh3

from galley.notebooks import styles

_ATTRIBUTES = {
    "*": {"class", "style", "title", "colspan", "rowspan", "scope", "align", "dir", "lang"},
    "a": {"href", "target"},
    "img": {"src", "alt", "width", "height"},
    **{f"h{level}": {"id", "class", "style"} for level in range(1, 7)},
}
_CLASSES = {"dataframe", "highlight"}
"""Classes that outputs and markdown keep, beside the short ones of highlighted code."""
_NOT_SHOWN = {
    "script": "a script", "iframe": "an embedded page", "object": "an embedded object", "embed": "an embedded object",
    "video": "a video", "audio": "a sound recording", "canvas": "a drawing", "svg": "a drawing", "math": "a formula",
    "form": "a form", "input": "a form", "button": "a form",
}  # fmt: skip
"""Elements that a page does not show, as people call them."""
_CHECKBOX = re.compile(r'<input class="task-list-item-checkbox"[^>]*>')
"""What markdown makes of the `[ ]` of a list of tasks."""
_PICTURES = {
    ".png": ("image/png", b"\x89PNG"),
    ".jpg": ("image/jpeg", b"\xff\xd8"),
    ".jpeg": ("image/jpeg", b"\xff\xd8"),
    ".gif": ("image/gif", b"GIF8"),
    ".webp": ("image/webp", b"RIFF"),
    ".svg": ("image/svg+xml", b"<"),
}
_ELSEWHERE = re.compile(r"https?://[^/]|mailto:", re.IGNORECASE)
_LINK_AWAY = re.compile(r"<a\s(?=[^<>]*\bhref\s*=\s*[\"']?\s*https?://[^/])", re.IGNORECASE)
_NEW_WINDOW = '<a target="_blank" '
_LARGEST_PICTURE = 5_000_000
_ALL_PICTURES = 20_000_000
"""Bytes of the pictures beside a notebook that one page takes in."""


class Cleaner:
    """Cleans what one page shows. Pictures in the notebook's `folder`, and below, become part of the page."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._room = _ALL_PICTURES
        self._lost: list[str] = []

    def clean(self, html: str) -> str:
        """Clean HTML; what it lost by that is said below it."""
        html = _CHECKBOX.sub(lambda box: "☑" if "checked" in box[0] else "☐", html)
        self._lost = [what for tag, what in _NOT_SHOWN.items() if re.search(rf"<{tag}\b", html, re.IGNORECASE)]
        cleaned = nh3.clean(
            _LINK_AWAY.sub(_NEW_WINDOW, styles.inlined(html)),  # before it is cleaned, so that nothing is added after
            tags=nh3.ALLOWED_TAGS | {"details", "summary", "section", "figure", "figcaption"},
            attributes=_ATTRIBUTES,
            url_schemes={"http", "https", "mailto", "data"},
            filter_style_properties=styles.PROPERTIES,
            attribute_filter=self._harmless,
        )
        if self._lost == ["a script"] and not cleaned.strip():
            return '<p class="note">This output needs JavaScript, which reports do not run; the notebook has it.</p>'
        if self._lost:
            cleaned += f'<p class="note">Left out here: {text.escape(", ".join(dict.fromkeys(self._lost)))}.</p>'
        return cleaned

    def _harmless(self, tag: str, attribute: str, value: str) -> str | None:
        if attribute == "style":
            return styles.harmless(value) or None
        if attribute == "class":  # a report's own classes would let an output look like its banner
            return " ".join(name for name in value.split() if name in _CLASSES or len(name) <= 3) or None
        if attribute == "id" and value.startswith("cell-"):
            return None
        if attribute == "href":
            return _link(value.strip())
        if attribute == "target":
            return value if value == "_blank" else None
        if tag == "img" and attribute == "src":
            return self._picture(value.strip())
        return value

    def _picture(self, source: str) -> str | None:
        if source.lower().startswith("data:image/"):
            return source
        found = _content(self._folder, source) if self._folder else None
        if found is None or len(found[1]) > self._room:
            self._lost.append(f"the picture {source[:200]}")
            return None
        kind, content = found
        self._room -= len(content)
        return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _link(address: str) -> str | None:
    """A link's address if it leads within the page or names a site; any other would lead to who shows it."""
    return address if address.startswith("#") or _ELSEWHERE.match(address) else None


def _content(folder: Path, source: str) -> tuple[str, bytes] | None:
    """The type and the content of a picture below the folder; None if there is none, or it is too large."""
    try:
        address = urlsplit(source)
        path = (folder / unquote(address.path)).resolve()
        kind, begin = _PICTURES[path.suffix.lower()]
        if address.scheme or address.netloc or not path.is_relative_to(folder.resolve()):
            return None
        if path.stat().st_size > _LARGEST_PICTURE:
            return None
        content = path.read_bytes()
    except (OSError, ValueError, KeyError):
        return None
    return (kind, content) if content.lstrip().startswith(begin) else None


def has_script(html: str) -> bool:
    """Whether HTML works by script, such as an estimator's diagram."""
    return "<script" in html.lower()
