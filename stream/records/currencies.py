"""The currencies that bills and prices may be in: the codes of ISO 4217.

Funds codes are among them, and currencies whose days ended in 2025 and 2026 (``ang``, ``bgn``), as
bills in them are kept. Metals, units of account, tests (``xts``) and no currency (``xxx``) are not.
"""

from __future__ import annotations

from typing import Final

__all__ = ["is_currency"]

ACTIVE: Final = """
aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob bov brl bsd btn bwp
byn bzd cad cdf che chf chw clf clp cny cop cou crc cup cve czk djf dkk dop dzd egp ern etb eur
fjd fkp gbp gel ghs gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr iqd irr isk jmd jod jpy kes
kgs khr kmf kpw krw kwd kyd kzt lak lbp lkr lrd lsl lyd mad mdl mga mkd mmk mnt mop mru mur mvr
mwk mxn mxv myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf
sar sbd scr sdg sek sgd shp sle sos srd ssp stn svc syp szl thb tjs tmt tnd top try ttd twd tzs
uah ugx usd usn uyi uyu uyw uzs ved ves vnd vuv wst xaf xcd xcg xof xpf yer zar zmw zwg
"""
CODES: Final = frozenset(ACTIVE.split())


def is_currency(code: str) -> bool:
    """Tell whether a text is the code of a currency, in any case."""
    return code.lower() in CODES
