"""A replay that ends once its first page is taken in: what was used by then is what start takes."""

from __future__ import annotations

import gc
import os
import sys

gc.disable()  # main() raises the threshold so far that there is no collection by then

from stream.__main__ import main  # noqa: E402 -- see above
from stream.intake.intake import Intake, TakeResult  # noqa: E402 -- see above
from stream.records.delivery import Delivery  # noqa: E402 -- see above

__all__ = ["FirstIntake"]


class FirstIntake(Intake):
    """Ends the process, with 0, when it has taken a page in."""

    def take(self, delivery: Delivery) -> TakeResult:
        """Take a delivery in."""
        found = super().take(delivery)
        if delivery.page is not None:
            os._exit(0)
        return found


if __name__ == "__main__":
    import stream.pipeline

    stream.pipeline.Intake = FirstIntake  # type: ignore[attr-defined]  # where replays have theirs from
    sys.argv[0] = "usage-stream"
    main()
    sys.exit(1)  # no page came
