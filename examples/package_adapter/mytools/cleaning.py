"""A helper of the other modules; it has no tools."""


def letters(word: str) -> str:
    """Return the letters of a word in lower case."""
    return "".join(filter(str.isalpha, word)).lower()
