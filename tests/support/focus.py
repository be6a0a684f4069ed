"""FOCUS as its specification has it, and costs to make charges of."""

from __future__ import annotations

import csv
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.support.running import run

MANDATORY: Final = {
    "1.2": frozenset(
        re.findall(
            r"\w+",
            """
        BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd
        BillingPeriodStart ChargeCategory ChargeClass ChargeDescription ChargePeriodEnd
        ChargePeriodStart ContractedCost EffectiveCost InvoiceIssuerName ListCost PricingQuantity
        PricingUnit ProviderName PublisherName ServiceCategory ServiceName
        """,
        )
    ),
    "1.4": frozenset(
        re.findall(
            r"\w+",
            """
        BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd
        BillingPeriodStart ChargeCategory ChargeClass ChargeDescription ChargePeriodEnd
        ChargePeriodStart ContractedCost EffectiveCost HostProviderName InvoiceIssuerName ListCost
        PricingQuantity PricingUnit ServiceCategory ServiceName ServiceProviderName
        """,
        )
    ),
}
"""The columns that must be there. Source of 1.2: rules CostAndUsage-D-003 to D-068 of requirements
model 1.2.0.1, whose ids end in M; of 1.4: the FOCUS 1.4 data model, feature level Mandatory."""
OPTIONAL: Final = frozenset(
    re.findall(
        r"\w+",
        """
    ChargeFrequency ConsumedQuantity ConsumedUnit InvoiceId ServiceSubcategory SkuId
    SkuMeter SubAccountId SubAccountName Tags
    """,
    )
)
"""Columns of both versions that may be there, and are. Source: as above."""
NEVER_NULL: Final = (
    MANDATORY["1.2"] | MANDATORY["1.4"] | {"ChargeFrequency", "ServiceSubcategory"}
) - {
    "BillingAccountName",
    "ChargeClass",
    "ChargeDescription",
    "HostProviderName",
    "PricingQuantity",
    "PricingUnit",
}
"""Columns that have a value in each row. Source: as above; 1.2 wants a quantity of use as well."""
ALLOWED: Final = {
    "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"},
    "ChargeClass": {"", "Correction"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "ServiceCategory": {"AI and Machine Learning"},
    "ServiceSubcategory": {"Generative AI"},
}
"""Source: as above."""
ACCOUNT: Final = "org-example"


class Exported(NamedTuple):
    """An export: its exit code, what it printed and said, and its rows (of CSV)."""

    code: int
    summary: dict[str, Any]
    errors: str
    rows: list[dict[str, str]]


def export(source: Path, out: Path, version: str = "1.2", *flags: str) -> Exported:
    """Export charges of a state file or of pages."""
    command = ["export", "focus", str(source), "--focus-version", version]
    code, output, errors = run([*command, "--billing-account", ACCOUNT, "--out", str(out), *flags])
    rows: list[dict[str, str]] = []
    if code in {0, 1} and "parquet" not in flags:
        with out.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    return Exported(code, json.loads(output) if output else {}, errors, rows)


def billed(amount: object, currency: str | None = "usd", **fields: object) -> dict[str, Any]:
    """Make a row of costs."""
    return {"amount": {"value": amount, "currency": currency}, **fields}


def sum_billed(rows: list[dict[str, str]]) -> dict[str, Decimal]:
    """Add up what rows say was billed, by currency."""
    found: dict[str, Decimal] = {}
    for row in rows:
        currency = row["BillingCurrency"]
        found[currency] = found.get(currency, Decimal(0)) + Decimal(row["BilledCost"])
    return found
