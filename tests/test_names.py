"""How things are called: the words of the design, of which each has one meaning."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

from tests.support.places import ROOT

BARE: Final = frozenset(
    re.findall(
        r"\w+",
        """
    said told known left mine ours theirs his hers its it they them we us you own other others
    given taken written rewritten shown seen drawn grown fallen fell begun gone made kept held
    sent lost found got met of by at in on to from with without into onto within over under
    above below before after since until behind beside between beyond against about per via this
    that these those who whom whose what where when why how which all any both each every
    everything nothing something some many more most much few less again anew apart together
    here there regularly forgotten
    """,
    )
)
"""Participles that do not end as such, prepositions, pronouns, and what stands for them."""

NOUNS: Final = {
    "asking": "one page, asked of the API",
    "billing": "what the report calls its section on estimates and bills",
    "ending": "the end of a line, as its bytes",
    "feeding": "the room of the design that runs the sources",
    "finding": "what was found of a rollup",
    "padding": "zeros behind a gzip member",
    "reading": "the room of the design that reads pages, and what comes of one",
    "seed": "ends as a participle, and is none",
    "setting": "a key of the configuration",
    "settling": "what the design calls it that a file comes to rest",
    "standing": "how walks stand",
    "wording": "how messages are worded",
}
"""Words that look like participles, and are used as nouns."""

PUBLIC: Final = {
    "stream.engines.flink.job:Job.every": "an option of the command line",
    "stream.records.windows:Outcomes.revised": "an outcome, as the design and a metric call it",
    "stream.records.windows:Outcomes.superseded": "an outcome, as the design and a metric call it",
    "stream.state.saved_series:SavedSeries.accepted": "a column of the state file",
    "stream.state.saved_series:SavedSeries.corrected": "a column of the state file",
    "stream.state.saved_series:SavedSeries.folded": "a column of the state file",
    "stream.recordings.synth.shape:Shape.revised": "an option of the command line",
    "stream.recordings.synth.shape:Shape.repeated": "an option of the command line",
    "stream.recordings.synth.shape:Shape.corrected": "an option of the command line",
    "stream.records.errors:Interrupted": "an exception is named for what happened",
}
"""Names that users see, and that stay."""

FORBIDDEN: Final = frozenset(["manager", "helper", "utils", "handler", "data", "process", "item"])
OTHERS_WORDS: Final = {
    "connection_made": "asyncio's",
    "data_received": "asyncio's",
    "process_element": "Flink's",
    "unused_data": "zlib's and zstandard's",
    "data_buckets": "buckets of the page's array ``data``, beside those of its other array",
}
"""Names with a word that is not ours, because somebody else has given them."""


class Name(NamedTuple):
    """A name that others than its own file can use: where it stands, and what bears it."""

    kind: str
    place: str
    word: str


def names_of(module: str, tree: ast.Module) -> Iterator[Name]:
    """Yield the public names of a module: its own, classes, functions, and what classes have."""
    yield Name("module", module, module.rpartition(".")[2])
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Name("function", f"{module}:{node.name}", node.name)
        elif isinstance(node, ast.ClassDef):
            yield Name("class", f"{module}:{node.name}", node.name)
            for name in dict.fromkeys(members_of(node)):
                yield Name("member", f"{module}:{node.name}.{name}", name)


def members_of(node: ast.ClassDef) -> Iterator[str]:
    """Yield the methods and attributes of a class, but for fields that are a file's own words."""
    foreign = {"rename", "forbid_unknown_fields"} & {keyword.arg for keyword in node.keywords}
    for part in node.body:
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
            yield part.name
            yield from attributes_in(part)
        elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and not foreign:
            yield part.target.id


def attributes_in(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Yield the attributes that a method gives its instance."""
    for node in ast.walk(function):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
        ):
            yield node.attr


def fault_of(name: Name) -> str | None:
    """Say what is wrong with a name; ``None``: nothing is, or it is not public."""
    word = name.word.lower()
    if word.startswith("_") or name.place in PUBLIC:
        return None
    if word in BARE:
        return f"{name.kind} {name.place} is a bare word"
    if re.fullmatch(r"[a-z]+(ed|ing)", word) and not re.search("[a-z][A-Z]", name.word):
        return None if word in NOUNS else f"{name.kind} {name.place} is a bare participle"
    words = set(re.findall(r"[A-Z]?[a-z]+", name.word))
    found = FORBIDDEN & {one.lower() for one in words}
    if found and name.word not in OTHERS_WORDS:
        return f"{name.kind} {name.place} has a word that is not ours: {min(found)}"
    return None


def all_names() -> list[Name]:
    """Return the public names of the package."""
    found: list[Name] = []
    for path in sorted((ROOT / "stream").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.extend(names_of(module, ast.parse(path.read_text("utf-8"))))
    return found


def test_names_are_words_of_the_design() -> None:
    """No public name is a bare participle, preposition or pronoun; none has a word not to use."""
    assert [fault for name in all_names() if (fault := fault_of(name))] == []


def test_a_class_is_named_once() -> None:
    """Two classes do not share a name: one word has one meaning."""
    places = defaultdict(list)
    for name in all_names():
        if name.kind == "class":
            places[name.word].append(name.place)
    assert {word: found for word, found in places.items() if len(found) > 1} == {}


def test_what_is_allowed_is_there() -> None:
    """An exception that no name needs any more goes."""
    names = all_names()
    words = {name.word.lower() for name in names}
    assert sorted(NOUNS.keys() - words) == []
    assert sorted(PUBLIC.keys() - {name.place for name in names}) == []
    assert sorted(OTHERS_WORDS.keys() - words) == []


def test_bad_names_are_found() -> None:
    """The check itself sees each kind of name, and each way of being wrong."""
    code = """
def opened(): ...
def _opened(): ...
def open_file(): ...
class Reader:
    known: int
    def __init__(self): self.left = 1
    def of(self): ...
    def told(self): ...
    def is_known(self): ...
class Given(Struct, rename="camel"):
    taken: int
class FileManager: ...
class PaceNamed: ...
"""
    found = [fault_of(name) for name in names_of("stream.loading", ast.parse(code))]
    assert [fault.split()[1] for fault in found if fault] == [
        "stream.loading",
        "stream.loading:opened",
        "stream.loading:Reader.known",
        "stream.loading:Reader.left",
        "stream.loading:Reader.of",
        "stream.loading:Reader.told",
        "stream.loading:Given",
        "stream.loading:FileManager",
    ]
