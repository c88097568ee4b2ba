"""Highlight: code as HTML, in the colours of its language."""

import html
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

from nbconvert.preprocessors import HighlightMagicsPreprocessor
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import TextLexer, get_lexer_by_name
from pygments.util import ClassNotFound

_IPYTHON = "ipython3"
"""What kernels of Python call their language. nbconvert imports IPython for it, which takes as long as a page."""


def highlighter(language: object) -> Callable[..., str]:
    """A filter of templates for the cells of a notebook in a language; one that begins with %%bash is in that one."""
    usual = language if isinstance(language, str) and language else _IPYTHON
    magics = HighlightMagicsPreprocessor()
    formatter = HtmlFormatter(cssclass=html.escape(f" highlight hl-{usual}"))

    def highlighted(source: str, **_: Any) -> str:
        own = magics.which_magic_language(source) if usual.startswith("ipython") else None
        return str(highlight(source or " ", _lexer(own or usual), formatter))

    return highlighted


@cache
def _lexer(language: str) -> Lexer:
    """The lexer of a language; one of plain text, where there is none."""
    with suppress(ClassNotFound, ImportError):
        if language == _IPYTHON:
            from ipython_pygments_lexers import IPython3Lexer

            return IPython3Lexer()
        return get_lexer_by_name(language)
    return get_lexer_by_name("python3") if language == _IPYTHON else TextLexer()
