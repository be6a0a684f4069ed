"""A twin of the API, a daemon that asks it, and Prometheus: ``python -m tests.demo``, until Ctrl-C.

The daemon's clock is the real one, so the twin's is, too (``--speed 1``): what makes figures move
is four hundred times the usual usage, which is asked for every five seconds. Everything is on
loopback and in a directory that is gone at the end.
"""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from stream.recordings.twin import DEFAULT_KEY
from tests.demo.programs import Ended, choose_port, run_program, wait_until_answered

RULES: Final = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules"
DAEMON, TWIN, PROMETHEUS = 9464, 9465, 9090
STREAM: Final = (sys.executable, "-m", "stream")
USAGE: Final = ("--speed", "1", "--volume", "400", "--late", "2")
EVERY: Final = 5
DAY: Final = dt.timedelta(days=1)
LOOK_SECONDS: Final = 1.0
RATE: Final = 'sum by (project_id) (rate(openai_api_tokens_total{token_type="input"}[2m]))'

CONFIG: Final = """
state = "state.db"
report = "report.json"
dead_letters = "dead-letters"
checkpoint_seconds = 1
report_seconds = 5
series_limit = 5000

[[poll]]
name = "demo"
base_url = "http://127.0.0.1:{twin}/v1"
key_file = "key"
since = "{since}"
evidence = "evidence"
every = "{every}s"
lists_every = "1m"
requests_per_minute = 600
burst = 100

[http]
listen = "127.0.0.1:{daemon}"
"""
SCRAPING: Final = """
global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 5s}}
rule_files: ["{rules}/*.yml"]
scrape_configs:
  - job_name: usage-stream
    static_configs: [{{targets: ["127.0.0.1:{daemon}"]}}]
"""


class Demo:
    """What runs in ``place``, each program until the stack is left."""

    def __init__(self, stack: ExitStack, place: Path) -> None:
        """Choose where to listen; nothing runs yet."""
        self.stack = stack
        self.place = place
        self.twin, self.daemon = choose_port(TWIN), choose_port(DAEMON)
        self.checks: list[Callable[[], None]] = []

    def start(self, name: str, url: str, *command: str | Path) -> None:
        """Start a program, and wait until it answers.

        Raises:
            Ended: it does not.
        """
        check = self.stack.enter_context(run_program(command, self.place / f"{name}.log"))
        wait_until_answered(url, check)
        self.checks.append(check)

    def start_account(self) -> list[tuple[str, str]]:
        """Start the twin, and the daemon that asks it; return what to open."""
        key = self.place / "key"
        key.touch(mode=0o600)
        key.write_text(DEFAULT_KEY, "utf-8")
        since = dt.datetime.now(dt.UTC).date() - DAY
        config = self.place / "config.toml"
        text = CONFIG.format(twin=self.twin, daemon=self.daemon, since=since, every=EVERY)
        config.write_text(text, "utf-8")
        twin, daemon = f"http://127.0.0.1:{self.twin}", f"http://127.0.0.1:{self.daemon}"
        listen = ("--listen", f"127.0.0.1:{self.twin}")
        self.start("twin", f"{twin}/twin/faults", *STREAM, "twin", *listen, *USAGE)
        self.start("daemon", f"{daemon}/healthz", *STREAM, "daemon", "--config", config)
        return [
            ("the daemon's page", f"{daemon}/"),
            ("its metrics", f"{daemon}/metrics"),
            ("its report", f"{daemon}/report"),
            ("what the twin was asked", f"{twin}/twin/requests"),
        ]

    def start_prometheus(self) -> tuple[str, str]:
        """Start Prometheus with the rules of ``deploy/``, if it is there; return what to open."""
        program = shutil.which("prometheus")
        if program is None:
            return "Prometheus", "is not on the PATH, and left out (apt install prometheus)"
        scraping = self.place / "prometheus.yml"
        scraping.write_text(SCRAPING.format(rules=RULES, daemon=self.daemon), "utf-8")
        place = f"127.0.0.1:{choose_port(PROMETHEUS)}"
        options = (
            f"--config.file={scraping}",
            f"--storage.tsdb.path={self.place / 'prometheus'}",
            f"--web.listen-address={place}",
        )
        self.start("prometheus", f"http://{place}/-/ready", program, *options)
        asked = urlencode({"g0.expr": RATE, "g0.tab": 0, "g0.range_input": "15m"})
        return "tokens a second", f"http://{place}/graph?{asked}"

    def show_places(self, places: list[tuple[str, str]]) -> None:
        """Print what to open, and how to end it."""
        lines = [f"{name + ':':25}{url}" for name, url in places]
        lines += [
            f"all of it is made up, by a twin of the API that is asked every {EVERY} s; break it:",
            f"  curl -d '500:0.5' http://127.0.0.1:{self.twin}/twin/faults",
            "Ctrl-C ends it, and leaves nothing behind",
        ]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()


def main() -> int:
    """Run until SIGINT or SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(prog="tests.demo", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--no-prometheus", action="store_true", help="leave Prometheus out")
    chosen = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's job in the background ignores SIGINT
        signal.signal(number, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="usage-stream-demo-") as name, ExitStack() as stack:
            demo = Demo(stack, Path(name))
            places = demo.start_account()
            if not chosen.no_prometheus:
                places.append(demo.start_prometheus())
            demo.show_places(places)
            while True:
                time.sleep(LOOK_SECONDS)
                for check in demo.checks:
                    check()
    except KeyboardInterrupt:
        sys.stdout.write("stopped\n")
        return 0
    except Ended as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
