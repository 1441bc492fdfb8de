"""Finds a secret wherever it was put in clear, in whatever encoding: in files, in database columns, in text."""

import base64
import binascii
import gzip
import json
import pickletools
import re
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from urllib.parse import quote

DEEPEST = 3
"""How often something is unwrapped: base64 of gzip of JSON."""
SHORTEST = 16
"""Characters of text that is worth decoding."""
PICKLE = re.compile(rb"\x80[\x02-\x05]")
"""The first opcode of every pickle since protocol 2, and the protocol."""


@cache
def forms(secret: str) -> frozenset[bytes]:
    """A secret as it is, and as encodings write it that keep its order: base64 at each alignment, hex, JSON, URLs, UTF-16."""
    plain = secret.encode()
    encoded = {base64.b64encode(b"x" * shift + plain)[4 if shift else 0 : -4] for shift in range(3)}
    escaped = "".join(f"\\u{ord(character):04x}" for character in secret)
    percent = "".join(f"%{byte:02X}" for byte in plain)
    return frozenset({
        plain, plain[::-1], plain.hex().encode(), plain.hex().upper().encode(), secret.encode("utf-16-le"),
        json.dumps(secret)[1:-1].encode(), json.dumps(secret)[1:-1].replace("/", "\\/").encode(),
        escaped.encode(), escaped.upper().replace("U", "u").encode(), percent.encode(), percent.lower().encode(),
        quote(secret, safe="").encode(), base64.b32encode(plain)[:-8],
        *encoded, *(form.replace(b"+", b"-").replace(b"/", b"_") for form in encoded),
    })  # fmt: skip


def found_in(content: bytes, secrets: dict[str, str]) -> list[str]:
    """The names of the secrets that stand in some content, or in what it wraps.

    Args:
        content: a file, an answer, a column.
        secrets: by the name that a failing test may print.
    """
    layers = list(unwrapped(content))
    return [
        name for name, secret in secrets.items() if any(form in layer for form in forms(secret) for layer in layers)
    ]


def unwrapped(content: bytes, depth: int = DEEPEST) -> Iterator[bytes]:
    """Some content, and what it holds when it is compressed, or written as base64 or hex."""
    yield content
    if depth == 0 or len(content) < SHORTEST:
        return
    for decode in (gzip.decompress, zlib.decompress, _raw_deflate, _base64, _hex):
        inner = _tried(decode, content)
        if inner:
            yield from unwrapped(inner, depth - 1)


def is_pickle(content: bytes) -> bool:
    """Whether some content, or what it wraps, is a pickle: reading one runs what it says."""
    return any(PICKLE.match(layer) and _reads_as_pickle(layer) for layer in unwrapped(content))


def columns_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every text and blob of an SQLite file, by the table and column that it stands in."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        for table in names:
            rows = database.execute(f'select * from "{table}"')  # noqa: S608 - a name that the database itself gave
            columns = [column[0] for column in rows.description]
            for row in rows:
                for column, value in zip(columns, row, strict=True):
                    if isinstance(value, str | bytes):
                        yield f"{path.name}: {table}.{column}", value.encode() if isinstance(value, str) else value


def leaks_of(folder: Path, secrets: dict[str, str], *, without: str = "") -> list[str]:
    """Where a folder's files hold a secret or a pickle.

    Args:
        folder: with everything below it. SQLite files are looked at column by column, and as the bytes that they are.
        secrets: by name.
        without: how the names of files begin that belong to others.
    """
    problems: list[str] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if without and path.name.startswith(without):
            continue
        content = path.read_bytes()
        problems += [f"{path.name} holds {name}" for name in found_in(content, secrets)]
        if content.startswith(b"SQLite format 3\0"):
            for where, value in columns_of(path):
                problems += [f"{where} holds {name}" for name in found_in(value, secrets)]
                problems += [f"{where} holds a pickle"] if is_pickle(value) else []
    return problems


def _tried(decode: Callable[[bytes], bytes], content: bytes) -> bytes | None:
    try:
        return decode(content)
    except (ValueError, OSError, EOFError, zlib.error, binascii.Error):
        return None


def _raw_deflate(content: bytes) -> bytes:
    return zlib.decompress(content, wbits=-zlib.MAX_WBITS)


def _base64(content: bytes) -> bytes:
    text = content.strip().strip(b'"').replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
    return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)


def _hex(content: bytes) -> bytes:
    return bytes.fromhex(content.decode("ascii"))


def _reads_as_pickle(content: bytes) -> bool:
    try:
        return any(opcode.name == "STOP" for opcode, _, _ in pickletools.genops(content))
    except Exception:  # noqa: BLE001 - genops raises whatever odd bytes lead it to
        return False
