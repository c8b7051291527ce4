"""Text in the graph: what CountVectorizer and TfidfVectorizer do, in the operators of ONNX Runtime.

Its Tokenizer has the regular expressions of RE2, in which \\w and \\b know ASCII letters only, and its
StringNormalizer lowers ASCII letters only in the locale C, the one locale that every machine has.
"""

import re
from itertools import product
from typing import Any

from onnx import TensorProto, helper

from mlroad.models.not_exportable import NotExportable

_WORD = r"[\pL\pN_]"
"""What \\w is in Python."""
_WORDS = re.compile(r"(?:\(\?u\))?(?:\\b)?((?:\\w)*)(?:\\w\+|\\w\{(\d+),\})(?:\\b)?")
"""Patterns for runs of letters, as scikit-learn's default (?u)\\b\\w\\w+\\b."""
_PLAIN = re.compile(r"(?:[^\\()^$.|?]|\\S)*")
"""Patterns that mean the same in RE2."""
_MOST_LETTERS = 4
"""A word with more letters beyond ASCII is expected in lower case, capitalized, or in upper case."""
_NONE = "\x01"


def check_vectorizer(place: str, step: Any) -> None:
    """Raises NotExportable for a CountVectorizer or TfidfVectorizer that ONNX Runtime cannot do."""
    reason = ""
    if step.analyzer != "word":
        kind = step.analyzer if isinstance(step.analyzer, str) else "a function"
        reason = f"splits by {kind}; only analyzer='word' can be exported"
    elif step.preprocessor is not None or step.tokenizer is not None:
        which = "tokenizer" if step.tokenizer is not None else "preprocessor"
        reason = f"has a {which} of its own, which is Python code"
    elif step.strip_accents is not None:
        reason = "strips accents, which ONNX Runtime cannot; leave out strip_accents"
    elif step.stop_words is not None and step.ngram_range[1] > 1:
        reason = "removes stop words before it joins words, which ONNX Runtime cannot; leave out stop_words"
    elif not token_expression(step.token_pattern):
        reason = (
            f"has the token_pattern {step.token_pattern}, which ONNX Runtime reads differently; "
            "use the default, or a class of characters such as [a-z]+"
        )
    if reason:
        raise NotExportable(f"The step {place} ({type(step).__name__}) {reason}.")


def token_expression(pattern: str) -> str:
    """A token_pattern in the syntax of RE2; empty if there is none."""
    if found := _WORDS.fullmatch(pattern):
        least = len(found[1]) // 2 + int(found[2] or 1)
        return f"{_WORD}{{{least},}}"
    return pattern if _PLAIN.fullmatch(pattern) else ""


def lower_tokens(vectorizer: Any) -> list[Any]:
    """The nodes before a TfIdfVectorizer that lower the letters beyond ASCII in the words that it knows."""
    pool = next(
        helper.get_attribute_value(item) for item in vectorizer.attribute if item.name == "pool_strings"
    )
    lower = {
        variant: word for word in dict.fromkeys(item.decode() for item in pool) for variant in _variants(word)
    }
    if not lower:
        return []
    tokens = vectorizer.input[0]
    name = f"{tokens}__lower"
    vectorizer.input[0] = name
    known = {"keys_strings": list(lower), "domain": "ai.onnx.ml"}
    ones = [1] * len(lower)
    return [
        helper.make_node(
            "LabelEncoder", [tokens], [f"{name}_word"], values_strings=list(lower.values()), **known
        ),
        helper.make_node(
            "LabelEncoder", [tokens], [f"{name}_one"], values_int64s=ones, default_int64=0, **known
        ),
        helper.make_node("Cast", [f"{name}_one"], [f"{name}_known"], to=TensorProto.BOOL),
        helper.make_node("Where", [f"{name}_known", f"{name}_word", tokens], [name]),
    ]


def pad_apart(node: Any) -> Any:
    """A Tokenizer that fills up short texts with a word that no text has; skl2onnx takes #."""
    if node.op_type == "Tokenizer":
        for item in node.attribute:
            if item.name == "pad_value":
                item.s = _NONE.encode()
    return node


def _variants(word: str) -> set[str]:
    """How a word in lower case may be written, as far as its ASCII letters are lower already."""
    cased = [place for place, letter in enumerate(word) if not letter.isascii() and letter.upper() != letter]
    upper = [letter.upper() if place in cased else letter for place, letter in enumerate(word)]
    if len(cased) > _MOST_LETTERS:
        found = {"".join(upper), upper[0] + word[1:]}
    else:
        choices = [{letter, upper[place]} for place, letter in enumerate(word)]
        found = {"".join(choice) for choice in product(*choices)}
    return {variant for variant in found - {word} if variant.lower() == word}
