"""Comma-separated values as RFC 4180 has them, and harmless."""

from shared.csv_lines import csv_lines


def test_a_text_that_a_spreadsheet_would_compute_is_only_a_text() -> None:
    assert csv_lines([["=1+1", "@x", "-2", "+3", "\tx", -2, "a,b", 'say "x"', "plain"]]) == (
        '\'=1+1,\'@x,\'-2,\'+3,\'\tx,-2,"a,b","say ""x""",plain\r\n'
    )
