import decimal
import math
import re
from fractions import Fraction

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenspace import _render
from eigenspace._render import Column, Sheet, bound_text, certain_text, count_text, log10_text, percent_text


def rounded(x: Fraction, digits: int) -> tuple[int, int]:
    """``x > 0`` rounded half to even to ``digits`` digits, as (integer, power of ten): only integer arithmetic."""
    power = len(str(x.numerator)) - len(str(x.denominator)) - digits - 1
    while x >= Fraction(10) ** (power + digits):
        power += 1
    whole = round(x / Fraction(10) ** power)
    return (whole // 10, power + 1) if whole == 10**digits else (whole, power)


def parsed(text: str) -> tuple[Fraction, int]:
    mantissa, _, power = text.partition("e")
    return Fraction(mantissa) * Fraction(10) ** int(power or 0), len(mantissa.replace(".", ""))


mantissas = st.floats(0.5, 1, exclude_max=True)


@settings(max_examples=300, deadline=None)
@given(mantissas, st.integers(-400, 400), st.integers(1, 20), st.just(0.0) | st.floats(1e-18, 3))
def test_every_printed_digit_is_true_and_no_true_digit_is_missing(mantissa, exponent, digits, error):
    x = Fraction(mantissa) * Fraction(2) ** exponent
    low, high = x * (1 - Fraction(error)), x * (1 + Fraction(error))
    text = certain_text(mantissa, exponent, digits, error)
    if text[0] == "<":
        assert error >= 1 and high <= parsed(text[1:])[0]
    elif text[0] == "~":
        order = parsed(text[1:])[0]
        assert error < 1 and Fraction(1, 10) < (x / order) ** 2 < 10
        assert all(rounded(low, n) != rounded(high, n) for n in range(1, digits + 1))
    else:
        value, shown = parsed(text)
        whole, power = rounded(low, shown)
        assert value == whole * Fraction(10) ** power and rounded(high, shown) == (whole, power)
        assert shown == digits or rounded(low, shown + 1) != rounded(high, shown + 1)


@pytest.mark.parametrize("exponent", [-20000, -1074, -1, 0, 1, 5000])
@pytest.mark.parametrize("digits", [1, 4, 17, 80])
def test_powers_of_two_against_mpmath(exponent, digits):
    with mpmath.workdps(digits + 30):
        expected = mpmath.nstr(mpmath.ldexp(3, exponent), digits, min_fixed=1, max_fixed=0, strip_zeros=False)
    mantissa, _, power = expected.partition("e")
    assert certain_text(3, exponent, digits) == mantissa.rstrip(".") + (f"e{int(power)}" if power.strip("+-0") else "")


def test_a_tie_goes_to_the_even_digit_if_the_number_is_exact_and_costs_a_digit_if_it_is_not():
    assert certain_text(0.125, 0, 2) == "1.2e-1" and certain_text(0.375, 0, 2) == "3.8e-1"
    assert certain_text(0.125, 0, 2, 1e-16) == "1e-1"
    assert certain_text(Fraction(12345, 10**5), 0, 4) == "1.234e-1"


def test_far_exponents_are_quick_and_right():
    text = certain_text(0.75, -3_300_000, 10)
    log10 = mpmath.mpf(0.75) and mpmath.log10(mpmath.mpf("0.75")) - 3_300_000 * mpmath.log10(2)
    assert abs(mpmath.log10(mpmath.mpf(text)) - log10) < 1e-9


def test_the_callers_decimal_context_plays_no_role():
    expected = certain_text(1, -20000, 12, 1e-13), percent_text(0.123456)
    with decimal.localcontext(decimal.Context(prec=3, rounding=decimal.ROUND_UP)):
        assert (certain_text(1, -20000, 12, 1e-13), percent_text(0.123456)) == expected


def test_special_values():
    assert certain_text(0.0, 0, 4, 0.1) == "0" and certain_text(1.0, 0, 4, math.inf) == "?"
    assert certain_text(1.0, 0, 4, math.nan) == "?" and certain_text(-1.5, 0, 3) == "-1.50"
    assert certain_text(Fraction(1, 3), 0, 5) == "3.3333e-1"
    with pytest.raises(ValueError, match="mantissa must be finite, got inf"):
        certain_text(math.inf)


@given(st.floats(-6000, 300), st.integers(1, 17))
@settings(deadline=None)
def test_log10_text_shows_only_digits_that_the_logarithm_holds(log10, digits):
    text = log10_text(log10, digits).lstrip("~<")
    with mpmath.workdps(40):
        true = mpmath.power(10, mpmath.mpf(log10))
        shown = len(re.sub(r"e.*|\.", "", text))
        unit = mpmath.power(10, mpmath.floor(mpmath.log10(true)) - shown + 1)
        assert abs(mpmath.mpf(text) - true) <= unit * 0.500001


@given(st.floats(1e-300, 1e300))
def test_a_bound_stays_a_bound_with_one_digit(bound):
    shown = float(bound_text(bound))
    assert bound <= shown <= 2.0000001 * bound


@given(st.integers(0, 10**40))
def test_counts(count):
    text = count_text(count)
    if count < 10**9:
        assert text == str(count)
    else:
        value = parsed(text.lstrip("≈"))[0]
        assert (value == count) == (text[0] != "≈") and abs(value - count) <= Fraction(count, 2000)


def test_integers_of_any_length_keep_all_digits():
    count = 7**9000 + 1
    assert len(_render.integer_text(count)) > 4300 and _render.integer(_render.integer_text(count)) == count
    assert count_text(count).startswith("≈")


@given(st.floats(0, 2), st.just(0.0) | st.floats(1e-16, 0.5))
def test_percentages_have_true_decimals_only(share, error):
    text = percent_text(share, error)
    low, high = (100 * Fraction(share) * (1 + sign * Fraction(error)) for sign in (-1, 1))
    if text[0] == "<":
        assert high < Fraction(text[1:])
    elif text[0] != "~":
        decimals = len(text.partition(".")[2])
        half = Fraction(1, 2 * 10**decimals)
        assert abs(Fraction(text) - low) <= half and abs(Fraction(text) - high) <= half


@pytest.mark.parametrize(
    ("text", "kind", "latex", "html"),
    [
        ("3.142e-5012", "number", r"$3.142\times10^{-5012}$", "3.142×10<sup>−5012</sup>"),
        ("~1e-7", "number", r"$\sim10^{-7}$", "~10<sup>−7</sup>"),
        ("<3e-7", "number", r"$<3\times10^{-7}$", "&lt;3×10<sup>−7</sup>"),
        ("1.235", "number", "$1.235$", "1.235"),
        ("2e-3 est.", "number", r"$2\times10^{-3}$ est.", "2×10<sup>−3</sup> est."),
        ("exact", "number", "exact", "exact"),
        ("1234567", "count", r"$1\,234\,567$", "1\u202f234\u202f567"),
        ("≈4.231e24", "count", r"$\approx4.231\times10^{24}$", "≈4.231×10<sup>24</sup>"),
        ("3/4", "fraction", "$3/4$", "3/4"),
        ("∞", "fraction", r"$\infty$", "∞"),
        ("[[2] [1 1]]", "pattern", "{[[2] [1 1]]}", "[[2] [1 1]]"),
        ("2 1 // 1", "pattern", "2 1 // 1", "2 1 // 1"),
    ("a_b & 5%", "text", r"a\_b \& 5\%", "a_b &amp; 5%"),
    ],
)
def test_cells(text, kind, latex, html):
    assert _render.latex_cell(text, kind) == latex and _render.html_cell(text, kind) == html


def test_latex_text_is_ascii():
    assert _render.latex_text("λ ≥ 10 % of ∏ P_r(ξ) \\ {x}").isascii()
    assert _render.latex_text("漢") == "?"


SHEET = Sheet(
    columns=(
        Column("degree", "degree", ("0", "1", "…", "1"), align="right"),
        Column("interaction", "inter|action", ("0", "[1 1]", "… 7 rows more", "[1] [1]"), "pattern"),
        Column(
            "eigenvalue", "<value>", ("1.000", "2.50e-3", "…", "1e-9"), "number", bar=((1.0,), (0.5,), (0.0,), (0.1,))
        ),
    ),
    breaks=(0, 1),
    repeat="degree",
    gap=2,
    tint=(1.0, 0.5, 0.0, 0.0),
    caption="A <caption>",
    notes=("100 % of λ.",),
    origin=("made by this test",),
)


def test_plain_text_has_caption_columns_notes_and_a_blank_line_between_groups():
    lines = _render.plain(SHEET).split("\n")
    assert lines[0] == "A <caption>" and lines[-1] == "100 % of λ." and "" in lines
    assert any("… 7 rows more" in line for line in lines)


def test_markdown_is_a_pipe_table():
    text = _render.markdown(SHEET)
    assert text.startswith("|") and "100 % of λ." in text


def test_latex_layout():
    bare, table = _render.latex(SHEET), _render.latex(SHEET, caption="$d=3$", label="tab:a")
    assert bare.startswith("% made by this test\n% 100 % of λ.\n\\noindent\n\\begin{tabular}{@{}rll@{}}")
    assert r"\caption{$d=3$}" in table and r"\label{tab:a}" in table and r"100\,\% of $\lambda$." in table
    assert r"\multicolumn{3}{c}{$\cdots$ 7 rows more $\cdots$}" in bare and bare.count(r"\addlinespace") == 1
    assert r"$<$value$>$" in bare


def test_html_is_plain_ascii_deterministic_and_escaped():
    html = _render.notebook(SHEET)
    assert html.isascii() and html == _render.notebook(SHEET)
    assert "A &lt;caption&gt;" in html and "&lt;value&gt;" in html and "linear-gradient" in html
    assert html.count("<tr>") == 5


def test_rich_table_renders_brackets_literally():
    from rich.console import Console

    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(_render.rich_table(SHEET))
    assert "[1 1]" in console.export_text()


def test_a_sheet_without_rows_has_headings():
    empty = Sheet((Column("degree", "degree", ()), Column("value", "value", (), "number")))
    assert "degree" in _render.plain(empty) and _render.markdown(empty).startswith("|")
    assert r"\toprule" in _render.latex(empty) and "degree" in _render.notebook(empty)
    assert _render.rich_table(empty).row_count == 0
