"""Words and sentences: the small text matching that stands in for a model and for a vector index."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"[a-z0-9]+|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|(?<=[。！？])|\n+")
_STOPWORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "long",
        "many",
        "me",
        "much",
        "my",
        "no",
        "not",
        "of",
        "on",
        "or",
        "our",
        "please",
        "should",
        "so",
        "tell",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
        "about",
    ]
)

_TIME = re.compile(r"\b(seconds?|minutes?|hours?|days?|weeks?|months?|years?)\b|[天周月年]")
_NUMBER = re.compile(r"\d|\b(one|two|three|four|five|six|seven|eight|nine|ten|twelve|hundred|thousand)\b")


def stem(word: str) -> str:
    """A word without its most common English endings, so that `refunds` meets `refund`."""
    for ending, replacement in (("ies", "y"), ("ing", ""), ("ed", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word[: -len(ending)] + replacement
    return word


def content_words(text: str) -> list[str]:
    """The meaning-bearing words of a text, stemmed; all words when every one is a stopword."""
    words = _WORD.findall(text.lower())
    kept = [stem(word) for word in words if word not in _STOPWORDS]
    return kept or [stem(word) for word in words]


def count(text: str) -> int:
    """How many words a text has; the stand-in for a token count."""
    return len(text.split())


def sentences(text: str) -> list[str]:
    """The sentences (and lines) of a text, without empty ones."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def scores(query: str, texts: Sequence[str]) -> list[float]:
    """How well each text matches the query, 0 to 1.

    BM25 with its usual constants, divided by what a perfect match would score, so that a threshold means the same for
    every query.
    """
    wanted = list(dict.fromkeys(content_words(query)))
    bags = [Counter(content_words(text)) for text in texts]
    average = sum(sum(bag.values()) for bag in bags) / len(bags) if bags else 0.0
    weights = {word: _rarity(word, bags) for word in wanted}
    best = sum(weights.values()) * 2.2
    return [_bm25(bag, weights, average) / best if best else 0.0 for bag in bags]


def _rarity(word: str, bags: Sequence[Counter[str]]) -> float:
    having = sum(1 for bag in bags if word in bag)
    return math.log(1 + (len(bags) - having + 0.5) / (having + 0.5))


def _bm25(bag: Counter[str], weights: dict[str, float], average: float) -> float:
    length = sum(bag.values())
    damping = 1.2 * (0.25 + 0.75 * length / average) if average else 1.2
    return sum(weight * bag[word] * 2.2 / (bag[word] + damping) for word, weight in weights.items() if bag[word])


def best_sentences(question: str, text: str, *, limit: int = 1) -> list[str]:
    """The sentences of a text that match the question best, in the order of the text; none when nothing matches."""
    candidates = list(dict.fromkeys(sentence for sentence in sentences(text) if not sentence.endswith("?")))
    kind = _answer_kind(question)
    fitting = [
        score * (1.5 if kind and kind.search(candidate.lower()) else 1.0)
        for score, candidate in zip(scores(question, candidates), candidates, strict=True)
    ]
    ranked = sorted(zip(fitting, range(len(candidates)), strict=True), key=lambda pair: (-pair[0], pair[1]))
    chosen = sorted(index for score, index in ranked[:limit] if score > 0)
    return [candidates[index] for index in chosen]


def _answer_kind(question: str) -> re.Pattern[str] | None:
    """What an answer to the question should contain, when its first words tell."""
    if re.search(r"how long|how soon|when\b|多久", question.lower()):
        return _TIME
    return _NUMBER if re.search(r"how (many|much)|what does .* cost", question.lower()) else None
