"""Styles: what an output's style sheets say, put at its own elements, and of that what can do no harm.

A sheet in a page holds for all of the page, the banner too. A rule that stands at its elements reaches no other ones.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

import tinycss2
from bs4 import BeautifulSoup, Tag
from soupsieve import SelectorSyntaxError

PROPERTIES = {
    "background", "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left",
    "border-radius", "border-right", "border-spacing", "border-style", "border-top", "border-width", "caption-side",
    "color", "font-family", "font-size", "font-style", "font-weight", "height", "max-width", "min-width", "padding",
    "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align", "text-decoration",
    "text-transform", "vertical-align", "white-space", "width",
}  # fmt: skip
_FUNCTIONS = {"rgb", "rgba", "hsl", "hsla", "linear-gradient"}
_VALUES = {"whitespace", "ident", "hash", "number", "percentage", "dimension", "literal", "string"}
_LARGEST = 2_000_000
"""Characters of an output beyond which its sheets are left out."""
_COMPARISONS = 300_000
"""Elements that are compared with selectors, in all, before further rules are left out. Ids are looked up."""

_OF_PANDAS = re.compile(r"<style scoped>\s*\.dataframe [^<]*</style>")
"""The sheet before each table of pandas. A page says as much itself, and compiling its selectors takes 0.1 s."""

Rule = tuple[str, dict[str, str]]


def inlined(html: str) -> str:
    """HTML without style sheets, each element with what they say of it."""
    html = _OF_PANDAS.sub("", html)
    if "<style" not in html.lower() or len(html) > _LARGEST:
        return html
    soup = BeautifulSoup(html, "html.parser")
    sheets = soup.find_all("style")
    rules = [rule for sheet in sheets for rule in _rules(sheet.get_text())]
    for sheet in sheets:
        sheet.decompose()
    for element, said in _matched(soup, rules):
        own = str(element.get("style", ""))
        element["style"] = "; ".join([*(f"{name}: {value}" for name, value in said.items()), own]).strip("; ")
    return str(soup)


@lru_cache(maxsize=10_000)
def harmless(style: str) -> str:
    """What a style attribute says, without what could load or move something."""
    return "; ".join(f"{name}: {value}" for name, value in _declarations(style).items())


def _rules(sheet: str) -> Iterator[Rule]:
    for rule in tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True):
        if rule.type == "qualified-rule" and (said := _declarations(tinycss2.serialize(rule.content))):
            yield from ((selector.strip(), said) for selector in tinycss2.serialize(rule.prelude).split(","))


def _declarations(style: str) -> dict[str, str]:
    parsed = tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True)
    return {
        part.lower_name: tinycss2.serialize(part.value).strip()
        for part in parsed
        if part.type == "declaration" and part.lower_name in PROPERTIES and _are_harmless(part.value)
    }


def _are_harmless(values: Iterable[tinycss2.ast.Node]) -> bool:
    return all(
        value.type in _VALUES
        or (value.type == "function" and value.lower_name in _FUNCTIONS and _are_harmless(value.arguments))
        for value in values
    )


def _matched(soup: BeautifulSoup, rules: list[Rule]) -> Iterator[tuple[Tag, dict[str, str]]]:
    """Each element that rules are of, with what they say: the more specific ones last, else in their order."""
    elements = soup.find_all(True)
    by_id = {element["id"]: element for element in reversed(elements) if element.get("id")}
    room = _COMPARISONS
    said: dict[int, dict[str, str]] = {}
    found: dict[int, Tag] = {}
    for selector, declared in sorted(rules, key=lambda rule: _specificity(rule[0])):
        if re.fullmatch(r"#[\w-]+", selector):
            matching = [by_id[selector[1:]]] if selector[1:] in by_id else []
        else:
            room -= len(elements)
            matching = _selected(soup, selector) if room > 0 else []
        for element in matching:
            found[id(element)] = element
            said.setdefault(id(element), {}).update(declared)
    yield from ((element, said[key]) for key, element in found.items())


def _selected(soup: BeautifulSoup, selector: str) -> list[Tag]:
    try:
        return list(soup.select(selector))
    except (SelectorSyntaxError, NotImplementedError, RecursionError):
        return []  # the second is what soupsieve raises for pseudo-elements, as p::before


def _specificity(selector: str) -> tuple[int, int, int]:
    names = re.findall(r"(?:^|[\s>+~])[a-zA-Z]", selector)
    return selector.count("#"), len(re.findall(r"[.:\[]", selector)), len(names)
