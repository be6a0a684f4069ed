"""Run a daemon under load for some minutes: ``python -m tests.faults.soak [SECONDS [DAYS]]``.

Pages grow, break, are mended and come again while the daemon is scraped; then another one asks a
twin of the API that answers with faults, and for a third one a thousand days pass. Memory,
descriptors and threads are read as it goes. It ends by itself, with 1 when something grew.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from tests.support.daemons import daemon
from tests.support.days_passing import pass_days
from tests.support.pages import bucket, page, put, used
from tests.support.soaking import SETTLED, Reading, find_growth, read_process, soak_account

CHAINS = 20


def disturb(pages: Path, turn: int) -> None:
    """Write a page anew: mostly grown, sometimes broken."""
    chain = random.randrange(CHAINS)
    rows = [used(turn + index, project_id=f"p{index % 5}", model="m") for index in range(200)]
    broken = random.random() < 0.1
    content = '{"object"' if broken else page(bucket(*rows, day=chain))
    put(pages, f"usage_completions_chain{chain}.json", content)


def soak_pages(seconds: float) -> bool:
    """Load a daemon with pages; print readings as it goes, and tell whether nothing grew."""
    random.seed(1)
    readings: list[Reading] = []
    with tempfile.TemporaryDirectory() as name, daemon(Path(name), "--log-level", "error") as found:
        pid = found.process.pid
        started, turn, shown = time.monotonic(), 0, 0.0
        while (elapsed := time.monotonic() - started) < seconds:
            turn += 1
            disturb(Path(name) / "pages", turn)
            for path in ("/metrics", "/", "/report", "/readyz"):
                found.ask(path)
            time.sleep(0.05)
            if elapsed > SETTLED * seconds:
                readings.append(read_process(pid))
            if elapsed - shown > seconds / 10:
                shown = elapsed
                sys.stdout.write(f"{elapsed:6.0f} s, turn {turn}: {read_process(pid)}\n")
        idle = read_process(pid).cpu
        time.sleep(10)
        idle = (read_process(pid).cpu - idle) / 10
        code = found.stop()
    grown = find_growth(readings)
    sys.stdout.write(f"{turn} turns; grew: {', '.join(grown) or 'nothing'}; idle {idle:.1%}\n")
    return not grown and code == 0


def soak_polls(seconds: float) -> bool:
    """Have a daemon ask an account with faults; tell whether nothing grew."""
    with tempfile.TemporaryDirectory() as name:
        readings, code = soak_account(Path(name), seconds, sys.stdout.write)
    grown = find_growth(readings)
    sys.stdout.write(f"an account, asked; grew: {', '.join(grown) or 'nothing'}\n")
    return not grown and code == 0


def soak_days(days: int) -> bool:
    """Let days pass with 600 rows of every endpoint; tell whether nothing grew."""
    with tempfile.TemporaryDirectory() as name:
        readings, code = pass_days(Path(name), days, 600, sys.stdout.write)
    grown = find_growth(readings)
    sys.stdout.write(f"{days} days passed; grew: {', '.join(grown) or 'nothing'}\n")
    return not grown and code == 0


def main(seconds: float = 180.0, days: float = 1_000) -> int:
    """Run all, the first two for so long each; return the exit code."""
    well = [soak_pages(seconds), soak_polls(seconds), soak_days(int(days))]
    return int(not all(well))


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
