"""Comma-separated values as RFC 4180 has them, and harmless."""

import csv
import io

from shared.csv_lines import csv_lines


def test_a_text_that_a_spreadsheet_would_compute_is_only_a_text() -> None:
    assert csv_lines([["=1+1", "@x", "-2", "+3", "\tx", -2, "a,b", 'say "x"', "plain"]]) == (
        '\'=1+1,\'@x,\'-2,\'+3,\'\tx,-2,"a,b","say ""x""",plain\r\n'
    )


def test_a_cell_that_begins_in_the_middle_of_a_text_is_no_formula_either() -> None:
    """Where the comma is the decimal sign, a spreadsheet splits lines at semicolons, whatever stands in quotes."""
    texts = ["a;=1+1;b", "a\t@x", "a\n+1", "a\r\n-1", ";\t=1", "a;b", "a = 1; - 2", "x-y+z@example.com"]
    harmless = ["a;'=1+1;b", "a\t'@x", "a\n'+1", "a\r\n'-1", ";'\t'=1", "a;b", "a = 1; - 2", "x-y+z@example.com"]
    texts.append('x;"=1+1')
    harmless.append("x;'\"=1+1")
    for text, wanted in zip(texts, harmless, strict=True):
        (read,) = next(csv.reader(io.StringIO(csv_lines([[text]]), newline="")))
        assert read == wanted
        for separator in (",", ";", "\t"):
            lines = csv_lines([["before", text, "after"]]).splitlines()
            cells = [cell.strip('"') for line in lines for cell in line.split(separator)]
            assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in cells)


def test_wide_signs_are_signs() -> None:
    assert csv_lines([["＝1", "＋1", "－1", "＠x"]]) == "'＝1,'＋1,'－1,'＠x\r\n"
