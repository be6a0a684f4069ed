"""Chains that no page is of any more: what was read is known to be asked for in another way."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from stream.intake.account import Account
from stream.records.chains import Chain
from stream.state.saved_state import SavedState
from stream.state.windows import OrderedWindows, Windows

__all__ = ["former_chains", "windows_in"]


def former_chains(chains: AbstractSet[Chain], account: Account) -> frozenset[Chain]:
    """Return which chains have windows, and no part that brought anything of them.

    Of a label with one view there is none that anything stands in the place of, and nobody asks.
    Days that were folded stay what they are, whatever is read anew.
    """
    if len({chain[:2] for chain in chains}) == len(chains):
        return frozenset()
    known = {origin.chain for origin in account.sums_by_origin()}
    return frozenset(chain for chain in chains - known if not chain.is_folded)


def windows_in(store: OrderedWindows, saved: SavedState, account: Account) -> Windows:
    """Return all windows of a state file that is only read, and which chains are former ones."""
    windows = Windows(frozenset(saved.chains), store=store)
    windows.former_chains = former_chains(windows.chains, account)
    return windows
