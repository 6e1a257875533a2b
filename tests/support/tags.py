"""Tags of several scripts."""

import unicodedata

TAGS = ("engines", "über-uns", "日本", "ελληνικά", "русский", "हिन्दी", "العربية", "עברית", "ภาษาไทย", "한국어", "𐐨")


def as_typed(tag: str) -> str:
    """Return another form of a tag, which is stored as that one: decomposed, with a capital letter if it has one."""
    return unicodedata.normalize("NFD", tag[0].upper() + tag[1:])
