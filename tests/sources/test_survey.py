"""What a survey finds by names: as each name says it alone, though many are read together."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.sources import discovery
from stream.sources.discovery import parse_name, survey_place
from stream.sources.names import label_below

STARTS = st.sampled_from(
    ["usage_completions_page", "usage_completions_fixture_v", "costs_eu_page_", "costs-eu-Page", ""]
)
NUMBERS = st.sampled_from(["", "0", "1", "2", "02", "12", "2024-01-02", "3_page7", "٣"])
ENDS = st.sampled_from([".json", ".json.gz", ".json.zst", ".JSON", ".json.bak", ".json.json", ""])
NAMES = st.builds("{}{}{}{}".format, st.sampled_from(["", "below/"]), STARTS, NUMBERS, ENDS)


def files_found(place: Path) -> dict[tuple[str, str], set[str]]:
    """Return the names of the files of each chain, rivals too."""
    return {
        (one.chain.endpoint, one.chain.label): {
            *(file.name for file in one.files),
            *(name for rivals in one.faults.values() for name, _ in rivals),
        }
        for one in survey_place(place, final=False).chains
    }


@given(st.sets(NAMES.filter(lambda name: name not in {"", "below/"})))
def test_a_name_says_the_same_among_others(names: set[str]) -> None:
    """Each file is of the chain that its name alone says, whatever else stands there."""
    with TemporaryDirectory() as place:
        Path(place, "below").mkdir()
        wanted: dict[tuple[str, str], set[str]] = {}
        for name in names:
            Path(place, name).touch()
            folder, _, base = name.rpartition("/")
            if found := parse_name(base):
                key = found.entry.key, label_below(folder, found.label)
                wanted.setdefault(key, set()).add(name)
        assert files_found(Path(place)) == wanted


@given(st.sets(st.integers(0, 30), min_size=1))
def test_pages_have_the_numbers_of_their_names(numbers: set[int]) -> None:
    """Pages come in the order of their numbers, from 1 on, and the first gap is named."""
    with TemporaryDirectory() as place:
        for number in numbers:
            Path(place, f"usage_completions_page{number}.json").touch()
        (chain,) = survey_place(Path(place), final=False).chains
    first = min({1, *numbers})
    wanted = [number + 1 - first for number in sorted(numbers)]
    assert [file.page for file in chain.files] == wanted
    gaps = sorted({*range(1, wanted[-1])} - {*wanted})
    assert list(chain.missing_pages) == gaps[:1]


def test_what_the_pages_of_a_walk_have_in_common_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a hundred pages a few names are taken apart, one by one; of the others the number is."""
    parsed: list[str] = []

    def note(name: str) -> discovery.FixtureName | None:
        parsed.append(name)
        return parse_name(name)

    monkeypatch.setattr(discovery, "parse_name", note)
    for number in range(100):
        (tmp_path / f"usage_completions_fixture_page{number}.json").touch()
    (chain,) = survey_place(tmp_path).chains
    assert len(chain.files) == 100
    assert len(parsed) <= 3
