"""URLs of posts on the site that shows them."""

import re
from urllib.parse import quote

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_CHARACTERS = r"([A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"
_URL = re.compile(rf"https?://[A-Za-z0-9.-]+(:[0-9]{{1,5}})?/{_CHARACTERS}(#{_CHARACTERS})?")
_NAMES = ("username", "slug", "id")


def check_post_url(template: str) -> str:
    """Return what to change in a template; empty if nothing."""
    names = _PLACEHOLDER.findall(template)
    url = _PLACEHOLDER.sub("x", template)
    if unknown := [name for name in names if name not in _NAMES]:
        return f"{{{unknown[0]}}} is no placeholder; use {{username}}, {{slug}} and {{id}}"
    if template and not (_URL.fullmatch(url) and _URL.match(template)):
        return "use an absolute URL in ASCII, such as https://blog.example/{username}/{slug}"
    if template and not {"slug", "id"} & {*names}:
        return "without {slug} or {id}, all posts have the same URL"
    return ""


def post_url(template: str, *, username: str, slug: str | None, post_id: int) -> str | None:
    """Return the URL of a post; None without a template, or if it needs a slug and the post has none."""
    if not template or (slug is None and "{slug}" in template):
        return None
    values = {"username": username, "slug": slug or "", "id": str(post_id)}
    return _PLACEHOLDER.sub(lambda match: quote(values[match[1]], safe=""), template)
