"""Licences: SPDX expressions in their canonical case, or names that begin with `LicenseRef-`.

`packaging`, which xarray installs as well, knows the list of SPDX and its grammar. It is imported at the first use.
"""

import re

from brainio.text import nearest

COMMON = (
    *("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "CC-BY-NC-ND-4.0"),
    *("CC-BY-3.0", "CC-BY-SA-3.0", "CC-BY-NC-3.0", "CC-BY-2.0", "CC-BY-SA-2.0", "CC-PDDC", "PDDL-1.0", "ODC-By-1.0"),
    *("ODbL-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0", "C-UDA-1.0", "OGL-UK-3.0", "etalab-2.0", "DL-DE-BY-2.0"),
    *("MIT", "MIT-0", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD", "Unlicense", "MPL-2.0"),
    *("GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "LGPL-2.1-only", "LGPL-3.0-only"),
    *("AGPL-3.0-only", "AGPL-3.0-or-later", "EUPL-1.2", "Artistic-2.0", "Zlib"),
)
"""Usual licences of data and code of labs, which error messages suggest."""

_OFFERED = 3
_LONGEST = 1000


def parse_license(text: str) -> str:
    """Return a licence in its canonical form.

    Parameters
    ----------
    text : str
        An SPDX identifier or expression in any case, or `LicenseRef-` and a name of letters, digits, dots and hyphens
        for terms that SPDX does not list.

    Returns
    -------
    str
        With the case of the SPDX list.

    Raises
    ------
    ValueError
        SPDX does not list the licence, or the text is not an expression; the message offers the nearest choices.

    Examples
    --------
    >>> parse_license("cc-by-4.0"), parse_license("mit or LicenseRef-NSD-terms")
    ('CC-BY-4.0', 'MIT OR LicenseRef-NSD-terms')
    """
    canonical = _canonical(text)
    if canonical is None:
        choices = ", ".join(map(repr, nearest_licenses(text)))
        raise ValueError(
            f"expected an SPDX expression such as {choices}, or {license_ref(text)!r} for terms that "
            f"https://spdx.org/licenses does not list"
        )
    return canonical


def is_license(text: str) -> bool:
    """Whether a text is an SPDX expression or a `LicenseRef-` name, in any case."""
    return _canonical(text) is not None


def nearest_licenses(text: str) -> list[str]:
    """Return the valid licences that a text most likely means, the best first; the most common ones if none is similar.

    Examples
    --------
    >>> nearest_licenses("CC BY 3.0")[0], nearest_licenses("Apache 2")[0], nearest_licenses("do what you like")
    ('CC-BY-3.0', 'Apache-2.0', ['CC0-1.0', 'CC-BY-4.0', 'MIT'])
    """
    words = re.sub(r"(?i)\b(the|license|licence|version)\b", " ", text[:_LONGEST])
    hyphened = re.sub(r"[\s_-]+", "-", re.sub(r"(?i)(?<=[a-z\s-])v(?=\d)", "-", words)).strip("-")
    spellings = [f"{hyphened}-only", f"{hyphened}.0-only", hyphened, f"{hyphened}.0", f"{hyphened}-4.0"]
    spellings = [hyphened] if hyphened.lower().startswith("licenseref-") else spellings
    valid = [license_ for license_ in map(_canonical, spellings) if license_ is not None]
    near = [*dict.fromkeys([*valid, *nearest(hyphened, COMMON, _OFFERED)])][:_OFFERED]
    return near or ["CC0-1.0", "CC-BY-4.0", "MIT"]


def license_ref(text: str) -> str:
    """Return a text as a `LicenseRef-` name.

    Examples
    --------
    >>> license_ref("custom (NSD terms and conditions)")
    'LicenseRef-custom-NSD-terms-and-conditions'
    """
    name = re.sub(r"[^A-Za-z0-9.]+", "-", re.sub(r"(?i)^licenseref-", "", text[:60])).strip("-.")
    return f"LicenseRef-{name or 'terms-of-the-lab'}"


def _canonical(text: str) -> str | None:
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    if not text.strip() or len(text) > _LONGEST:
        return None
    try:
        return str(canonicalize_license_expression(text.strip()))
    except InvalidLicenseExpression:
        return None
