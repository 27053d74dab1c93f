"""Numbers as text: decimal point or comma, thousands, currency signs, signs of negative numbers.

A text that can be read in two ways, such as ``1.120``, is no number until a mapping or the rest of the table
says which of the two it is.
"""

import re
from collections.abc import Iterable
from typing import Final
from unicodedata import decimal

import msgspec

_BLANKS: Final = re.compile(r"[\s\u00a0\u202f\u2009]+")
_SIGNS: Final = (
    "$\u20ac\u00a3\u00a5\u20b9\u20bd\u20ba\u20a9\u20aa\u20ab\u20b4\u0e3f\u20a6\u20b1\uffe5\u5186\u5143\uffe6"
)
# Those of ISO 4217, and some that shops write. Other words, such as GRM, DOZ or MIO, may change a number.
_ISO_4217: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD "
    "CDF CHF CLF CLP CNH CNY COP CRC CUC CUP CVE CZK DEM DJF DKK DOP DZD EEK EGP ERN ESP ETB EUR FJD FKP FRF "
    "GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK ITL JMD JOD JPY KES KGS KHR "
    "KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LTL LVL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN "
    "MYR MZN NAD NGN NIO NOK NPR NTD NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RMB RON RSD RUB RWF SAR SBD SCR "
    "SDG SEK SGD SHP SIT SKK SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX "
    "USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG ZWL"
)
_CODES: Final = frozenset(_ISO_4217.split())
_WORDS: Final = r"[A-Z]{3}|(?:US|CA|AU|NZ|[ACRS])(?=\$)|K\u010d|z\u0142|kr\.?|Fr\.?|Rs\.?|Ft|lei"
_CODE: Final = re.compile(rf"^(?:{_WORDS})(?=[\s\d.,$-])|(?<=[\s\d.,-])(?:{_WORDS})$")
_APOSTROPHES: Final = str.maketrans("\u2019\u02bc`", "'''")
_ARABIC: Final = str.maketrans({"\u066b": ".", "\u066c": ",", "\u061c": "", "\u200e": "", "\u200f": ""})
_MINUS: Final = ("-", "\u2212")
_NO_CENTS: Final = re.compile(r"(?<=\d[.,])(?:-{1,2}|\u2013|\u2014)(?![-\d])")
_TWO_READINGS: Final = re.compile(r"[1-9]\d{0,2}([.,])\d{3}")
_GROUPED: Final = {sep: re.compile(rf"[1-9]\d{{0,2}}(?:{re.escape(sep)}\d{{3}})+|\d+") for sep in ".,"}
_PARTED: Final = re.compile(r"[1-9]\d{0,2}(?:( |')\d{3})(?:\1\d{3})*(?:[.,]\d*)?")
_INDIAN: Final = re.compile(r"\d{1,2}(?:,\d{2})*,\d{3}")
_PLAIN: Final = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?")


def in_ascii(text: str) -> str:
    """Return a text with the digits and number signs of other scripts as those of ASCII.

    Examples
    --------
    >>> in_ascii("\u0661\u0662\u066b\u0665"), in_ascii("\u0967.\u0968")
    ('12.5', '1.2')
    """
    if text.isascii():
        return text
    plain = "".join(str(decimal(sign)) if sign.isdecimal() else sign for sign in text)
    return plain.translate(_ARABIC)


class NumberForm(msgspec.Struct, frozen=True):
    """How the numbers of a table are written.

    Parameters
    ----------
    decimal
        ``.`` or ``,``; None: not known.
    thousands
        The sign between groups of three digits; None: any that the decimal sign leaves.
    currency
        Texts that stand before or after a number, besides the usual signs and codes.

    Examples
    --------
    >>> form = NumberForm()
    >>> form.parsed("12,50"), form.parsed("1.234,50 €"), form.parsed("(9.5)"), form.parsed("0.125")
    (12.5, 1234.5, -9.5, 0.125)
    >>> form.parsed("1.120"), NumberForm(".").parsed("1.120"), NumberForm(",").parsed("1.120")
    (None, 1.12, 1120.0)
    """

    decimal: str | None = None
    thousands: str | None = None
    currency: tuple[str, ...] = ()

    def parsed(self, text: str) -> float | None:
        """Return the number that a text is, or None."""
        text, negative = self._bare(text)
        digits = self._point(text)
        if digits is None or not _PLAIN.fullmatch(digits):
            return None
        number = float(digits)
        return -number if negative else number

    def has_two_readings(self, text: str) -> bool:
        """Tell whether a text is a number of thousands or one of three decimals, and nothing says which.

        Examples
        --------
        >>> NumberForm().has_two_readings("1.120"), NumberForm(".").has_two_readings("1.120")
        (True, False)
        """
        return self.decimal is None and bool(_TWO_READINGS.fullmatch(self._bare(text)[0]))

    def _bare(self, text: str) -> tuple[str, bool]:
        """Return a number's digits and separators, and whether it is negative."""
        text = _NO_CENTS.sub("", in_ascii(text).strip())  # 9.- is nine francs
        for sign in self.currency:
            text = text.removeprefix(sign).removesuffix(sign).strip()
        negative = signed = False
        if text.startswith("(") and text.endswith(")"):
            text, negative, signed = text[1:-1].strip(), True, True
        for _ in range(2):  # the sign may stand before or after that of the currency
            if not signed and text[:1] in (*_MINUS, "+"):
                negative, signed = negative or text[0] != "+", True
                text = text[1:].lstrip()
            text = _CODE.sub(_without_code, text).strip().strip(_SIGNS).strip()
        if not signed and text.endswith(_MINUS):
            text, negative = text[:-1].rstrip(), True
        return _BLANKS.sub(" ", text).translate(_APOSTROPHES), negative

    def _point(self, text: str) -> str | None:
        """Return a number with a decimal point and without thousands; None where it is none."""
        if " " in text or "'" in text:
            parted = _PARTED.fullmatch(text)
            if parted is None or self.thousands not in (None, parted[1]):
                return None
            text = text.replace(parted[1], "")
        decimal = self.decimal or self._decimal_of(text)
        if decimal is None:
            return None
        other = "," if decimal == "." else "."
        whole, _, fraction = text.partition(decimal)
        if decimal in fraction:
            return None
        if other in text:
            if self.thousands not in (None, other) or other in fraction:
                return None
            if not _GROUPED[other].fullmatch(whole) and not (other == "," and _INDIAN.fullmatch(whole)):
                return None
            whole = whole.replace(other, "")
        return f"{whole}.{fraction}" if fraction else whole

    @staticmethod
    def _decimal_of(text: str) -> str | None:
        """Return the decimal sign of a number that has but one reading."""
        points, commas = text.count("."), text.count(",")
        if points and commas:
            return "." if text.rindex(".") > text.rindex(",") else ","
        if points + commas == 0:
            return "."
        sign = "." if points else ","
        if points + commas > 1:
            return "," if points else "."
        return None if _TWO_READINGS.fullmatch(text) else sign


def _without_code(found: re.Match[str]) -> str:
    word = found[0]
    return word if len(word) == 3 and word.isupper() and word not in _CODES else ""


def detected(texts: Iterable[str]) -> NumberForm:
    """Return the form in which all of these numbers are written, as far as they tell.

    Examples
    --------
    >>> detected(["12,50", "1.120", "3"]), detected(["1.120"]).decimal, detected(["9.5", "9,5"]).decimal
    (NumberForm(decimal=',', thousands=None, currency=()), None, None)
    """
    signs = {sign for sign in map(_certain_sign, texts) if sign}
    return NumberForm(signs.pop()) if len(signs) == 1 else NumberForm()


def _certain_sign(text: str) -> str | None:
    """Return the decimal sign of a text that shows one."""
    bare = _UNKNOWN._bare(text)[0]
    sign = _UNKNOWN._decimal_of(bare) if "." in bare or "," in bare else None
    return sign if sign and NumberForm(sign).parsed(bare) is not None else None


_UNKNOWN: Final = NumberForm()
