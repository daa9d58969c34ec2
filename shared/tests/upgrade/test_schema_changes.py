"""What the release before could not live with is found in the schema, however the migration said it."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from shared.testing.databases import ServiceDatabases

from .schema_changes import demands, unbearable

BEFORE = """
    create table library.book (
        book_id uuid primary key, title text not null, pages integer default 0 not null, lent_to text,
        constraint ck_book_pages check (pages >= 0));
    create table library.shelf (shelf_id uuid primary key);
    grant select, insert, update on library.book to library_app;
"""


@pytest.fixture(scope="module")
def found(service_databases: ServiceDatabases) -> Iterator[Callable[[str], dict[str, str]]]:
    urls = service_databases.create_empty("library")

    def after(migration: str) -> dict[str, str]:
        connection.execute(BEFORE.encode())
        before = demands(connection, "library")
        connection.execute(migration.encode())
        changes = unbearable(before, demands(connection, "library"))
        connection.rollback()
        return changes

    with psycopg.connect(urls.owner) as connection:
        yield after


@pytest.mark.parametrize(
    "migration",
    [
        "alter table library.book add language text",
        "alter table library.book add language text not null default 'en'",
        "create table library.loan (loan_id uuid primary key, book_id uuid not null references library.book)",
        "create index ix_book_title on library.book (title)",
        "grant delete on library.book to library_app",
        "create view library.lent as select book_id from library.book where lent_to is not null",
    ],
)
def test_what_only_adds_is_borne(found: Callable[[str], dict[str, str]], migration: str) -> None:
    assert found(migration) == {}


@pytest.mark.parametrize(
    ("migration", "place", "what"),
    [
        ("drop table library.shelf", "shelf.shelf_id", "is gone"),
        ("alter table library.book drop lent_to", "book.lent_to", "is gone"),
        ("alter table library.book rename lent_to to borrower", "book.lent_to", "is gone"),
        ("alter table library.book alter pages type bigint", "book.pages", "was integer, is bigint"),
        ("alter table library.book alter lent_to set not null", "book.lent_to", "may not be null any more"),
        ("alter table library.book alter title drop not null", "book.title", "may be null now"),
        ("alter table library.book alter pages drop default", "book.pages", "has no default any more"),
        ("alter table library.book add isbn text not null", "book.isbn", "is new, never null and has no default"),
        ("alter table library.book add constraint ck_t check (title <> '')", "book ck_t", "is new: CHECK"),
        ("create unique index uq_t on library.book (title)", "book uq_t", "is new: CREATE UNIQUE INDEX"),
        ("alter table library.book drop constraint ck_book_pages", "book ck_book_pages", "is gone: CHECK"),
        ("alter table library.book enable row level security", "book row security", "is new"),
        ("revoke update on library.book from library_app", "book.title update", "may not be done"),
    ],
)
def test_what_the_old_code_would_stumble_over_is_found(
    found: Callable[[str], dict[str, str]], migration: str, place: str, what: str
) -> None:
    changes = found(migration)
    assert what in changes.get(place, ""), changes
