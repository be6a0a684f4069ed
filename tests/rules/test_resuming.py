"""Resuming, for any recorded chains: pages that arrive over several runs give one run's bytes."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.decode import Decoder
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.state.sqlite.codec import Codec
from stream.state.windows import KeyedState
from tests.support.running import replay
from tests.support.strategies import Chains, chains, write_chains, written

SOME = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SOME
@given(made=chains(), data=st.data())
def test_pages_over_several_runs_give_the_bytes_of_one(made: Chains, data: st.DataObject) -> None:
    """Whatever pages the first runs see, the last run's report is that of all pages at once."""
    with TemporaryDirectory() as name:
        whole, growing = Path(name) / "whole", Path(name) / "growing"
        whole.mkdir()
        growing.mkdir()
        write_chains(whole, made)
        state = Path(name) / "state.db"
        files = sorted(path.name for path in whole.iterdir())
        for _ in range(2):
            seen = data.draw(st.sets(st.sampled_from(files)))
            for one in seen:
                shutil.copy(whole / one, growing / one)
            replay(growing, "--allow-incomplete", state=state)
        for one in files:
            shutil.copy(whole / one, growing / one)
        assert replay(growing, state=state).raw == replay(whole).raw


@SOME
@given(chains())
def test_a_snapshot_comes_back_as_it_was(made: Chains) -> None:
    """Packing a snapshot and unpacking it changes nothing, money and unknown fields included."""
    state = KeyedState()
    for (key, label), pages in made.items():
        decoder = Decoder(ENDPOINTS[key])
        for page in pages:
            text = written({"has_more": False, **page})
            for bucket in decoder.decode(text.encode()).buckets:
                state.take(Chain(key, label), bucket)
    codec = Codec()
    for (chain, _), snapshot in state.snapshots.items():
        body = codec.pack(snapshot)
        assert codec.unpack(chain.endpoint, snapshot.revision, b"", body) == snapshot
        assert codec.pack(snapshot) == body
