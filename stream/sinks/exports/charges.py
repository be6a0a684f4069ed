"""What was billed, as charges of FOCUS: a column for each of the specification's that there is.

Each record of costs is a charge, and what is negative is a credit. Nothing is made up: what the API
does not say is null, also where a version of the specification wants to have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from stream.figures.periods import start_of_period
from stream.providers.endpoint import IDENTITY_ORDER
from stream.providers.prices.line_items import subject_of
from stream.records.privacy import escape_json, show_label
from stream.records.windows import DAY, MAX_TIME, Window, day_of
from stream.sinks.exports.records import RecordBatch
from stream.sinks.exports.schema import OTHER_DIMENSIONS

__all__ = ["CHARGE_COLUMNS", "Charge", "ChargeColumn", "ChargeKind", "charges_of"]

ChargeKind: TypeAlias = Literal["text", "money", "time"]
Charge: TypeAlias = dict[str, Any]
"""A charge's values by the names of columns; moments are Unix seconds, and null is ``None``."""

VERSIONS: Final = ("1.2", "1.4")


class ChargeColumn(NamedTuple):
    """A column, what it holds, and the versions that have it.

    ``text`` is text, also of JSON; ``money`` an exact decimal, ``time`` a moment in Unix seconds.
    """

    name: str
    kind: ChargeKind = "text"
    versions: tuple[str, ...] = VERSIONS


CHARGE_COLUMNS: Final = (
    ChargeColumn("BilledCost", "money"),
    ChargeColumn("BillingAccountId"),
    ChargeColumn("BillingAccountName"),
    ChargeColumn("BillingCurrency"),
    ChargeColumn("BillingPeriodEnd", "time"),
    ChargeColumn("BillingPeriodStart", "time"),
    ChargeColumn("ChargeCategory"),
    ChargeColumn("ChargeClass"),
    ChargeColumn("ChargeDescription"),
    ChargeColumn("ChargeFrequency"),
    ChargeColumn("ChargePeriodEnd", "time"),
    ChargeColumn("ChargePeriodStart", "time"),
    ChargeColumn("ConsumedQuantity", "money"),
    ChargeColumn("ConsumedUnit"),
    ChargeColumn("ContractedCost", "money"),
    ChargeColumn("EffectiveCost", "money"),
    ChargeColumn("HostProviderName", versions=("1.4",)),
    ChargeColumn("InvoiceId"),
    ChargeColumn("InvoiceIssuerName"),
    ChargeColumn("ListCost", "money"),
    ChargeColumn("PricingQuantity", "money"),
    ChargeColumn("PricingUnit"),
    ChargeColumn("ProviderName", versions=("1.2",)),
    ChargeColumn("PublisherName", versions=("1.2",)),
    ChargeColumn("ServiceCategory"),
    ChargeColumn("ServiceName"),
    ChargeColumn("ServiceProviderName", versions=("1.4",)),
    ChargeColumn("ServiceSubcategory"),
    ChargeColumn("SkuId"),
    ChargeColumn("SkuMeter"),
    ChargeColumn("SubAccountId"),
    ChargeColumn("SubAccountName"),
    ChargeColumn("Tags"),
    ChargeColumn("x_ApiKeyId"),
    ChargeColumn("x_ApiSource"),
    ChargeColumn("x_LineItem"),
    ChargeColumn("x_UserId"),
)
"""The specification's columns that are written, in its order, and then those of our own."""

VENDOR: Final = "OpenAI"
CONSTANTS: Final = {
    "InvoiceIssuerName": VENDOR,
    "ProviderName": VENDOR,
    "PublisherName": VENDOR,
    "ServiceCategory": "AI and Machine Learning",
    "ServiceName": VENDOR,
    "ServiceProviderName": VENDOR,
    "ServiceSubcategory": "Generative AI",
}
COSTS: Final = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")
"""All are what was billed: the API knows no price before a discount."""

UNITS: Final = {
    "tokens": "Tokens",
    "1000_tokens": "1000 Tokens",
    "duration_seconds": "Seconds",
    "duration_minutes": "Minutes",
    "duration_hours": "Hours",
    "gibibyte_hours": "GiB-Hours",
    "images": "Images",
    "characters": "Characters",
}
"""The API's units as the specification spells units; others are left as they are."""
UNNAMED_UNIT: Final = "Units"
"""What a quantity is counted in whose unit the API does not name."""

METERS: Final = {
    "input": "Input Tokens",
    "cached_input": "Cache Read Input Tokens",
    "cache_write": "Cache Write Input Tokens",
    "output": "Output Tokens",
    "audio_input": "Audio Input Tokens",
    "cached_audio_input": "Cache Read Audio Input Tokens",
    "audio_output": "Audio Output Tokens",
    "image_input": "Image Input Tokens",
    "cached_image_input": "Cache Read Image Input Tokens",
    "image_output": "Image Output Tokens",
    "images": "Images",
    "characters": "Characters",
    "seconds": "Audio Seconds",
    "web_searches": "Web Searches",
    "file_searches": "File Searches",
    "sessions": "Sessions",
}
"""The kind of use that a line item is about → what is metered."""

OWN: Final = {"x_ApiKeyId": "api_key_id", "x_ApiSource": "api_source", "x_UserId": "user_id"}
PLACED: Final = frozenset({"project_id", "line_item", "currency", "quantity_unit"})
"""Dimensions that have a column of the specification; the others are tags."""
TAGS: Final = [name for name in IDENTITY_ORDER if name not in PLACED]
READ: Final = (
    "window_start",
    "window_end",
    *IDENTITY_ORDER,
    "project_name",
    OTHER_DIMENSIONS,
    "amount_value",
    "quantity",
)
"""The columns of records that charges are made from."""
TAG: Final = "openai:"
"""What tags begin with that are the provider's, and not set by anybody."""
ENCODE: Final = msgspec.json.Encoder(order="deterministic").encode


def charges_of(batch: RecordBatch, account: str) -> Iterator[Charge]:
    """Yield the charges of a batch of costs; the costs of one without an amount are null.

    ``account`` is what is billed.
    """
    names = [
        name for name, column in batch.columns.items() if any(one is not None for one in column)
    ]
    for values in zip(*(batch.columns[name] for name in names), strict=True):
        record = dict.fromkeys(batch.columns) | dict(zip(names, values, strict=True))
        yield charge_of(record, account)


def charge_of(record: dict[str, Any], account: str) -> Charge:
    """Return the charge that a record of costs is."""
    amount: Decimal | None = record["amount_value"]
    is_credit = amount is not None and amount < 0
    month = month_of(record["window_start"])
    quantity = record["quantity"]
    unit = None if quantity is None else name_unit(record["quantity_unit"])
    line_item = record["line_item"]
    return {
        **CONSTANTS,
        **dict.fromkeys(COSTS, amount),
        "BillingAccountId": show_text(account),
        "BillingCurrency": upper_code(record["currency"]),
        "BillingPeriodStart": month.start,
        "BillingPeriodEnd": month.end,
        "ChargeCategory": "Credit" if is_credit else "Usage",
        "ChargeDescription": show_text(line_item),
        "ChargeFrequency": "One-Time" if is_credit else "Usage-Based",
        "ChargePeriodStart": record["window_start"],
        "ChargePeriodEnd": record["window_end"],
        "ConsumedQuantity": None if is_credit else quantity,
        "ConsumedUnit": None if is_credit else unit,
        "PricingQuantity": quantity,
        "PricingUnit": unit,
        "SkuId": show_text(line_item),
        "SkuMeter": METERS.get(subject_of(line_item).kind or ""),
        "SubAccountId": show_text(record["project_id"]),
        "SubAccountName": show_text(record["project_name"]),
        "Tags": write_tags(record),
        "x_LineItem": show_text(line_item),
        **{column: show_text(record[name]) for column, name in OWN.items()},
    }


def month_of(moment: int) -> Window:
    """Return the UTC month that a moment is in."""
    start = start_of_period(day_of(moment).start, "month")
    later = start + 31 * DAY
    return Window(start, start_of_period(later, "month") if later < MAX_TIME else MAX_TIME)


def show_text(text: str | None) -> str | None:
    """Return a text without control characters; of one that is blank there is none."""
    return show_label(text) if text and not text.isspace() else None


def upper_code(currency: str | None) -> str | None:
    """Return a currency as ISO 4217 writes it."""
    return show_text(currency and currency.upper())


def name_unit(unit: str | None) -> str:
    """Return a unit as the specification spells it."""
    return UNITS.get(unit, show_label(unit)) if unit else UNNAMED_UNIT


def write_tags(record: dict[str, Any]) -> str | None:
    """Write the dimensions that have no column of the specification as JSON; ``None``: none."""
    others = record[OTHER_DIMENSIONS]
    found = {name: record[name] for name in TAGS if record[name] is not None}
    found |= msgspec.json.decode(others) if others else {}
    tags = {TAG + name: value for name, value in found.items()}
    return escape_json(ENCODE(tags)).decode() if tags else None
