"""Numbers to decimal text, and columns of text to a terminal, Markdown, LaTeX or a notebook.

Nothing here knows what an eigenvalue is. The first half turns a number with a relative error bound into decimal text
that has only true digits. The second half lays out a :class:`Sheet` (named columns of such text) for each medium.

The text of a number is the same in every medium's input: ``3.142e-12``, with an optional mark in front of it:
``~`` (order of magnitude only), ``<`` (upper bound only) or ``≈`` (an exact integer, rounded for display).
"""

import html as _html
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, localcontext
from fractions import Fraction
from hashlib import sha256
from textwrap import wrap

_GUARD = 50
# Characters of a row and rows that fit a page of LaTeX's article class at \small.
_WIDE, _LONG = 68, 40
_NUMBER = re.compile(r"([<~≈]?)(-?\d+(?:\.\d+)?)(?:e(-?\d+))?")
# An exact number: a sum of fractions, over powers of pi.
_EXACT = re.compile(r"(?=.*/)[\d/()+ π²]+")
_LATEX_MARK = {"": "", "<": "<", "~": r"\sim", "≈": r"\approx"}
_LATEX_TEXT = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "#": r"\#",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "≈": r"$\approx$",
    "≃": r"$\simeq$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "∞": r"$\infty$",
    "±": r"$\pm$",
    "∏": r"$\prod$",
    "Σ": r"$\Sigma$",
    "∑": r"$\sum$",
    "→": r"$\to$",
    "−": "$-$",
    "²": "$^2$",
    "α": r"$\alpha$",
    "κ": r"$\kappa$",
    "λ": r"$\lambda$",
    "μ": r"$\mu$",
    "ξ": r"$\xi$",
    "π": r"$\pi$",
    "σ": r"$\sigma$",
    "θ": r"$\theta$",
    "φ": r"$\varphi$",
    "Θ": r"$\Theta$",
}

_CSS = {
    "": "border-collapse:collapse; border-top:1.5px solid #333; border-bottom:1.5px solid #333; font-size:13px; "
    "background:#fff; color:#111",
    "caption": "caption-side:top; text-align:left; font-weight:600; padding:4px 0; color:inherit",
    "th": "border-bottom:1px solid #333; padding:3px 10px; font-weight:600; white-space:nowrap; "
    "background:#fff; color:#111",
    "td": "padding:2px 10px 3px; font-variant-numeric:tabular-nums; white-space:nowrap",
}


# --- numbers ------------------------------------------------------------------------------------------------------


def certain_text(mantissa, exponent2: int = 0, digits: int = 4, error: float = 0.0) -> str:
    r"""The number :math:`x = m\,2^e` as decimal text with at most ``digits`` significant digits, all of them true.

    ``error`` is relative: the true number lies in :math:`[x(1-\epsilon), x(1+\epsilon)]`. A digit is true if rounding
    *any* number of that interval (half to even) prints the same text; there are never more. With no true digit the
    text is the order of magnitude ``~1e-7`` while :math:`\epsilon < 1`, the upper bound ``<3e-7`` from there on, and
    ``?`` where nothing is known. Exact zero is ``0``.

    ``mantissa`` is an ``int``, ``float``, :class:`~fractions.Fraction` or :class:`~decimal.Decimal`; neither it nor
    ``exponent2`` is limited to the range of a float. Raises :class:`ValueError` if the mantissa is not finite.

    >>> certain_text(1, -20000), certain_text(0.1, 0, 17), certain_text(2, 0)
    ('2.512e-6021', '1.0000000000000001e-1', '2.000')
    >>> [certain_text(0.123456, 0, 5, error) for error in (1e-16, 1e-5, 0.01, 0.5, 1.0)]
    ['1.2346e-1', '1.235e-1', '1.2e-1', '~1e-1', '<0.3']
    """
    with localcontext(_context(digits + _GUARD + 10)):
        x = _decimal(mantissa, exponent2)
        if not x.is_finite():
            raise ValueError(f"mantissa must be finite, got {mantissa}; show an infinite value as a sign of its own")
        if not error < math.inf:
            return "?"
        if x == 0:
            return "0"
        sign, x = "-" if x < 0 else "", abs(x)
        slack = Decimal(10) ** -(digits + _GUARD)
        if error == 0 and _round(x * (1 - slack), digits) != _round(x * (1 + slack), digits):
            # Only a tie, hence a number with few digits, gets here: `x` is exact.
            return sign + _scientific(_round(x, digits), digits)
        spread = Decimal(float(error)) + slack
        for kept in range(digits, 0, -1):
            low, high = _round(x * (1 - spread), kept), _round(x * (1 + spread), kept)
            if low == high:
                return sign + _scientific(low, kept)
        if error < 1:
            return f"~{sign}1" + _power((x * Decimal(10).sqrt()).adjusted())
        return "<" + bound_text(x * (1 + spread))


def log10_text(log10: float, digits: int = 4, error: float = 0.0) -> str:
    """Decimal text of ``10**log10``, for numbers that a float cannot hold; the rounding of ``log10`` counts as error.

    >>> log10_text(-5012.25), log10_text(-5012.25, 15), log10_text(-math.inf)
    ('5.623e-5013', '5.623413252e-5013', '0')
    """
    if log10 == -math.inf:
        return "0"
    shift = math.floor(log10)
    with localcontext(_context(digits + _GUARD + 10)):
        mantissa = Decimal(10) ** (Decimal(log10) - shift)
        return certain_text(mantissa.scaleb(shift), 0, digits, error + 4 * math.ulp(log10) * math.log(10))


def bound_text(bound) -> str:
    """An upper bound as text of one digit, rounded up, so that it stays a bound.

    >>> [bound_text(bound) for bound in (2e-15, 2.1e-15, 0.031, 0.97, 0.0, math.inf)]
    ['2e-15', '3e-15', '0.04', '1', '0', '?']
    """
    # The shortest text of a float names it, so the float 2e-15 is its own bound and need not become 3e-15.
    x = bound if isinstance(bound, Decimal) else Decimal(repr(float(bound)))
    if not x.is_finite():
        return "?"
    x = _context(1, ROUND_CEILING).plus(x)
    return "0" if x == 0 else f"{x:f}" if -2 <= x.adjusted() <= 0 else _scientific(x, 1)


def end_text(x: float, digits: int, up: bool) -> str:
    """An end of a bracket as text of ``digits`` digits, rounded outwards.

    >>> end_text(0.12341, 3, False), end_text(0.12341, 3, True), end_text(math.inf, 3, True), end_text(0.0, 3, False)
    ('1.23e-1', '1.24e-1', '∞', '0')
    """
    if not math.isfinite(x):
        return fraction_text(x)
    rounded = _context(digits, ROUND_CEILING if up else ROUND_FLOOR).plus(Decimal(x))
    return _scientific(rounded, digits) if rounded else "0"


def count_text(count: int, exact_digits: int = 9) -> str:
    """An integer: exact up to ``exact_digits`` digits, else four digits and a power of ten from the exact integer.

    >>> count_text(123456789), count_text(7 * 10**300), count_text(2**1000)
    ('123456789', '7.000e300', '≈1.072e301')
    """
    if abs(count) < 10**exact_digits:
        return str(count)
    text = certain_text(count)
    return text if int(Decimal(text)) == count else "≈" + text


def integer_text(count: int) -> str:
    """All digits of an integer, also beyond the length that ``str`` refuses; :func:`integer` reads them.

    >>> integer_text(2**70), integer(integer_text(3**20000)) == 3**20000
    ('1180591620717411303424', True)
    """
    return str(Decimal(int(count)))


def integer(text: str) -> int:
    """The integer that :func:`integer_text` wrote."""
    return int(Decimal(text))


def product(text: str, count: int) -> float:
    """A number given as decimal text, times an integer, as a float: both may lie outside a float's range.

    >>> product("2e-400", 10**400), product("1e400", 1)
    (2.0, inf)
    """
    return float(_context(_GUARD).multiply(Decimal(text), Decimal(int(count))))


def percent_text(share: float, error: float = 0.0, decimals: int = 2) -> str:
    """A share as a percentage with only true decimals; ``<0.01`` below the last decimal, ``0`` for exact zero.

    >>> percent_text(0.123456), percent_text(0.123456, 0.01), percent_text(1e-9), percent_text(0.0)
    ('12.35', '12', '<0.01', '0')
    """
    if share == 0 and error == 0:
        return "0"
    if not math.isfinite(share) or not error < math.inf:
        return "?"
    with localcontext(_context(_GUARD)):
        x, slack, least = 100 * Decimal(share), Decimal(float(error)) + Decimal(2) ** -50, Decimal(1).scaleb(-decimals)
        if abs(x) * (1 + slack) < least:
            return f"<{least}"
        for kept in range(decimals, -1, -1):
            low, high = f"{x * (1 - slack):.{kept}f}", f"{x * (1 + slack):.{kept}f}"
            if low == high:
                return low
        return f"~{x:.0f}"


def fraction_text(number) -> str:
    """A fraction as ``3/4``, an integer as ``2``, infinity as ``∞``, another float with two decimals.

    >>> fraction_text(Fraction(3, 4)), fraction_text(Fraction(2)), fraction_text(math.inf), fraction_text(0.73106)
    ('3/4', '2', '∞', '0.73')
    """
    if isinstance(number, float) and not math.isfinite(number):
        return "?" if math.isnan(number) else "∞" if number > 0 else "−∞"
    return f"{number:.2f}" if isinstance(number, float) else str(number)


def _context(digits: int, rounding: str = ROUND_HALF_EVEN) -> Context:
    return Context(prec=digits, rounding=rounding, Emin=MIN_EMIN, Emax=MAX_EMAX)


def _decimal(mantissa, exponent2: int) -> Decimal:
    """``mantissa * 2**exponent2`` in the current context: exact where that is short, else rounded to its precision."""
    exponent2 = int(exponent2)
    if isinstance(mantissa, Fraction):
        return _decimal(mantissa.numerator, exponent2) / Decimal(mantissa.denominator)
    if exponent2 == 0 or mantissa == 0:
        return mantissa if isinstance(mantissa, Decimal) else Decimal(mantissa)
    if isinstance(mantissa, Decimal):
        return mantissa * Decimal(2) ** exponent2
    if isinstance(mantissa, float) and math.isfinite(mantissa):
        numerator, denominator = mantissa.as_integer_ratio()
        mantissa, exponent2 = numerator, exponent2 - denominator.bit_length() + 1
    if 0 <= exponent2 < 4096:
        return Decimal(int(mantissa) << exponent2)
    return Decimal(mantissa) * Decimal(2) ** exponent2


def _round(x: Decimal, digits: int) -> Decimal:
    return _context(digits).plus(x)


def _scientific(x: Decimal, digits: int) -> str:
    """``x``, which has at most ``digits`` digits, with one digit before the point."""
    mantissa = _context(digits).scaleb(x, -x.adjusted())
    return f"{mantissa:.{digits - 1}f}" + _power(x.adjusted())


def _power(exponent: int) -> str:
    return f"e{exponent}" if exponent else ""


# --- layouts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """One column of text. ``kind``: ``number``, ``count``, ``fraction``, ``formula``, ``pattern`` or ``text``.

    ``latex`` and ``html`` override the heading there, ``written`` the cells in LaTeX. ``bar`` draws a bar behind each
    cell in a notebook: per row the lengths, between 0 and 1, of the parts; ``bar_colours`` has one colour per part.
    """

    name: str
    heading: str
    cells: tuple[str, ...]
    kind: str = "text"
    align: str = "left"
    latex: str | None = None
    html: str | None = None
    bar: tuple[tuple[float, ...], ...] | None = None
    bar_colours: tuple[str, ...] = ("#999999",)
    written: tuple[str, ...] | None = None

    def but(self, **changes) -> "Column":
        """The same column with some fields replaced."""
        return replace(self, **changes)

    def with_gap(self, place: int, cell: str) -> "Column":
        """One more cell at ``place``, without a bar."""
        bar = self.bar and (*self.bar[:place], tuple(0.0 for _ in self.bar_colours), *self.bar[place:])
        written = self.written and (*self.written[:place], latex_text(cell), *self.written[place:])
        return self.but(cells=(*self.cells[:place], cell, *self.cells[place:]), bar=bar, written=written)

    def latex_of(self, index: int) -> str:
        """A cell in LaTeX."""
        return self.written[index] if self.written else latex_cell(self.cells[index], self.kind)


@dataclass(frozen=True)
class Sheet:
    """Columns of text with what surrounds them.

    ``breaks``: rows that start a group; ``repeat``: the column whose cells are shown once per group in print;
    ``gap``: the row that stands for left-out ones; ``tint``: strength of the background per row, from 0 to 1;
    ``caption``: one line; ``notes``: sentences under the table; ``origin``: lines that say where it comes from.
    """

    columns: tuple[Column, ...]
    breaks: tuple[int, ...] = ()
    repeat: str | None = None
    gap: int | None = None
    tint: tuple[float, ...] = ()
    caption: str = ""
    notes: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()

    @property
    def rows(self) -> list[tuple[str, ...]]:
        return list(zip(*(column.cells for column in self.columns), strict=True))


def plain(sheet: Sheet) -> str:
    """Plain text for a terminal: caption, columns under a rule, notes."""
    from tabulate import tabulate

    rows = []
    for index, row in enumerate(sheet.rows):
        rows += [("",) * len(row)] if index in sheet.breaks and index else []
        rows.append(row)
    body = tabulate(
        rows,
        [column.heading for column in sheet.columns],
        tablefmt="simple",
        disable_numparse=True,
        colalign=_alignment(sheet) if rows else None,
    )
    lines = [line.rstrip() for line in body.split("\n")]
    width = max(60, *map(len, lines))
    return "\n".join([sheet.caption, *lines, *(part for note in sheet.notes for part in wrap(note, width))])


def markdown(sheet: Sheet) -> str:
    """A pipe table, then the notes as one paragraph."""
    from tabulate import tabulate

    body = tabulate(
        [[cell.replace("|", r"\|") for cell in row] for row in sheet.rows],
        [column.heading for column in sheet.columns],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=_alignment(sheet) if sheet.rows else None,
    )
    return body + "\n" + ("\n" + " ".join(sheet.notes) + "\n" if sheet.notes else "")


def rich_table(sheet: Sheet):
    """The sheet as a :class:`rich.table.Table`: groups separated, zeros and left-out rows dimmed."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=sheet.caption or None,
        caption=" ".join(sheet.notes) or None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        header_style="bold",
    )
    for column in sheet.columns:
        table.add_column(Text(column.heading), justify=column.align, no_wrap=column.kind != "text")
    for index, row in enumerate(sheet.rows):
        table.add_row(
            *map(Text, row),
            style="dim" if index == sheet.gap or "∞" in row else None,
            end_section=index + 1 in sheet.breaks,
        )
    return table


def latex(sheet: Sheet, caption: str | None = None, label: str | None = None) -> str:
    """A ``tabular`` that needs booktabs alone, inside a ``table`` if there is a caption (LaTeX source) or a label.

    The origin stands on top as comment lines; the notes are set under the table, or are comments too where a bare
    ``tabular`` leaves no place for them.
    """
    floating = caption is not None or label is not None
    spec = "".join(column.align[0] for column in sheet.columns)
    lines = [
        rf"\begin{{tabular}}{{@{{}}{spec}@{{}}}}",
        r"\toprule",
        " & ".join(column.latex or latex_text(column.heading) for column in sheet.columns) + r" \\",
        r"\midrule",
    ]
    for index, row in enumerate(sheet.rows):
        if index in sheet.breaks and index:
            lines.append(r"\addlinespace")
        if index == sheet.gap:
            gap = next(cell for cell in row if "…" in cell and cell != "…").strip("… ")
            lines.append(rf"\multicolumn{{{len(row)}}}{{c}}{{$\cdots$ {gap} $\cdots$}} \\")
            continue
        once = sheet.breaks and index not in sheet.breaks and index - 1 != sheet.gap
        cells = (
            "" if once and column.name == sheet.repeat else column.latex_of(index) for column in sheet.columns
        )
        lines.append((" & ".join(cells) + r" \\").strip())
    lines += [r"\bottomrule", r"\end{tabular}"]
    comments = ["% " + " ".join(line.split()) for line in (*sheet.origin, *(() if floating else sheet.notes))]
    if not floating:
        return "\n".join([*comments, r"\noindent", *lines]) + "\n"
    width = sum(max(map(len, (column.heading, *column.cells))) for column in sheet.columns)
    fits = width <= _WIDE and len(sheet.rows) <= _LONG
    size = r"\small\setlength{\tabcolsep}{4pt}" if fits else r"\footnotesize\setlength{\tabcolsep}{3pt}"
    head = [r"\begin{table}", rf"\centering{size}"]
    head += [rf"\setlength{{\belowcaptionskip}}{{4pt}}\caption{{{caption}}}"] if caption is not None else []
    head += [rf"\label{{{label}}}"] if label is not None else []
    notes = (
        [r"\par\smallskip", rf"{{\footnotesize\raggedright {_prose(sheet.notes, latex_cell, latex_text)}\par}}"]
        if sheet.notes
        else []
    )
    return "\n".join([*comments, *head, *lines, *notes, r"\end{table}"]) + "\n"


def latex_cell(text: str, kind: str) -> str:
    r"""One cell as LaTeX.

    >>> latex_cell("3.142e-5012", "number"), latex_cell("3/4", "fraction"), latex_cell("≈4.231e24", "count")
    ('$3.142\\times10^{-5012}$', '$3/4$', '$\\approx4.231\\times10^{24}$')
    >>> latex_cell("1/4 + 4/(9π²)", "number")
    '$1/4 + 4/(9\\pi^2)$'
    """
    if kind == "fraction":
        plain = re.fullmatch(r"-?\d+(/\d+|\.\d+)?", text)
        return r"$\infty$" if text == "∞" else f"${text}$" if plain else latex_text(text)
    if kind == "formula" and re.search(r"\d", text):
        return "$" + text.replace("∞", r"\infty").replace("→", r"\to") + "$"
    if kind == "pattern":
        # A bracket that opens a row would be read as the optional argument of the row break before it.
        return "{" + latex_text(text) + "}" if text.startswith("[") else latex_text(text)
    if kind == "number" and _EXACT.fullmatch(text):
        return "$" + text.replace("π²", r"\pi^2") + "$"
    head, _, tail = text.partition(" ")
    if kind == "count" and text.isdigit():
        return "$" + _thousands(text, r"\,") + "$"
    if kind in ("number", "count") and (match := _NUMBER.fullmatch(head)):
        mark, mantissa, exponent = match.groups()
        factor = "" if mantissa == "1" and exponent else mantissa + (r"\times" if exponent else "")
        power = f"10^{{{exponent}}}" if exponent else ""
        return f"${_LATEX_MARK[mark]}{' ' if mark == '~' and factor else ''}{factor}{power}$" + (
            " " + latex_text(tail) if tail else ""
        )
    return latex_text(text)


def latex_text(text: str) -> str:
    """Plain text as LaTeX source in ASCII: special characters escaped, common mathematical signs spelled out."""
    source = "".join(_LATEX_TEXT.get(sign, sign if sign.isascii() else "?") for sign in text)
    return source.replace(r" \%", r"\,\%")


def html_cell(text: str, kind: str) -> str:
    """One cell as HTML: powers of ten with a superscript, thin spaces in long integers."""
    head, _, tail = text.partition(" ")
    if kind == "count" and text.isdigit():
        return _thousands(text, "\u202f")
    if kind in ("number", "count") and (match := _NUMBER.fullmatch(head)):
        mark, mantissa, exponent = match.groups()
        factor = "" if mantissa == "1" and exponent else mantissa + ("×" if exponent else "")
        power = f"10<sup>{exponent.replace('-', '−')}</sup>" if exponent else ""
        return _html.escape(mark) + factor + power + (" " + _html.escape(tail) if tail else "")
    return _html.escape(text)


def notebook(sheet: Sheet) -> str:
    """HTML through a pandas ``Styler``: tinted rows, bars behind cells, caption, notes and origin underneath.

    Tints are one hue from light to lighter and a bar's two parts differ in lightness, so both survive a grey print.
    """
    from pandas import DataFrame

    names = [column.name for column in sheet.columns]
    frame = DataFrame(
        {column.name: [html_cell(cell, column.kind) for cell in column.cells] for column in sheet.columns}
    )
    headings = [column.html or _html.escape(column.heading) for column in sheet.columns]
    css = DataFrame(
        [[_cell_style(sheet, column, index) for column in sheet.columns] for index in range(len(frame))],
        columns=names,
        index=frame.index,
    )
    styler = frame.style.hide(axis="index").format_index(dict(zip(names, headings, strict=True)).get, axis=1)
    styler = styler.apply(lambda _: css, axis=None).set_caption(_html.escape(sheet.caption))
    styler = styler.set_uuid(sha256(repr(sheet).encode()).hexdigest()[:10]).set_table_attributes('class="eigenspace"')
    places = [
        {"selector": f"th.col{place}", "props": f"text-align:{column.align}"}
        for place, column in enumerate(sheet.columns)
    ]
    styler = styler.set_table_styles([{"selector": part, "props": props} for part, props in _CSS.items()] + places)
    lines = [f"<p>{_prose(sheet.notes, html_cell, _html.escape)}</p>"] if sheet.notes else []
    if sheet.origin:
        origin = "<br>".join(map(_html.escape, sheet.origin))
        lines.append(f"<details><summary>Where this table comes from</summary>{origin}</details>")
    foot = f'<div style="font-size:12px; max-width:60em">{"".join(lines)}</div>' if lines else ""
    # Entities instead of signs: the text reads the same whatever encoding a page declares.
    return f"<div>{styler.to_html()}{foot}</div>".encode("ascii", "xmlcharrefreplace").decode()


def _prose(sentences: Sequence[str], cell: Callable[[str, str], str], text: Callable[[str], str]) -> str:
    """Sentences with the powers of ten in them typeset as in a cell."""
    parts = re.split(r"(?<![\w.])(\d+(?:\.\d+)?e-?\d+)(?![\w])", " ".join(sentences))
    return "".join(cell(part, "number") if place % 2 else text(part) for place, part in enumerate(parts))


def _cell_style(sheet: Sheet, column: Column, index: int) -> str:
    base = f"border:none; text-align:{column.align}; color:{'#777' if index == sheet.gap else '#111'}"
    if sheet.tint and index != sheet.gap:
        base += f"; background-color:{_mix((255, 255, 255), (205, 224, 242), sheet.tint[index])}"
    if index in sheet.breaks and index:
        base += "; border-top:1px solid #bbb"
    if column.bar and index != sheet.gap and any(column.bar[index]):
        stops, end = [], 0.0
        for part, colour in zip(column.bar[index], column.bar_colours, strict=True):
            stops += [f"{colour} {100 * end:.1f}%", f"{colour} {100 * (end + part):.1f}%"]
            end += part
        base += (
            f"; background-image:linear-gradient(90deg, {', '.join(stops)}, transparent {100 * end:.1f}%); "
            "background-size:88% 4px; background-repeat:no-repeat; background-position:50% 100%"
        )
    return base


def _alignment(sheet: Sheet) -> tuple[str, ...]:
    return tuple(column.align for column in sheet.columns)


def _thousands(digits: str, space: str) -> str:
    return f"{int(digits):,}".replace(",", space) if len(digits) > 4 else digits


def _mix(low, high, weight: float) -> str:
    return "#" + "".join(f"{round(a + (b - a) * weight):02x}" for a, b in zip(low, high, strict=True))
