"""What looks for leaked secrets finds them in every form that it says it does."""

import base64
import gzip
import json
import pickle
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.canaries import found_in, is_pickle, leaks_of

SECRET = "canary/secret+of=32 characters~"
SECRETS = {"it": SECRET}
HIDDEN: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda text: b"x" + text + b"y",
    "base64": base64.b64encode,
    "base64, one byte later": lambda text: base64.b64encode(b"{" + text + b"}"),
    "base64, two bytes later": lambda text: base64.b64encode(b"{'" + text + b"'}"),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"\xff\xfe" + text),
    "hex": lambda text: text.hex().encode(),
    "reversed": lambda text: text[::-1],
    "JSON": lambda text: json.dumps({"a": text.decode()}).encode(),
    "JSON escapes": lambda text: "".join(f"\\u{byte:04x}" for byte in text).encode(),
    "percent": lambda text: "".join(f"%{byte:02x}" for byte in text).encode(),
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "zlib in base64": lambda text: base64.b64encode(zlib.compress(b"[" + text + b"]")),
    "pickle": lambda text: pickle.dumps({"a": text.decode()}),
    "pickle in base64": lambda text: base64.b64encode(pickle.dumps([text])),
}


@pytest.mark.parametrize("how", HIDDEN)
def test_a_secret_is_found_however_it_is_written(how: str) -> None:
    assert found_in(HIDDEN[how](SECRET.encode()), SECRETS) == ["it"]
    assert found_in(HIDDEN[how](b"nothing of the kind, but as long as that"), SECRETS) == []


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_known_by_its_opcodes(protocol: int) -> None:
    pickled = pickle.dumps({"a": (1, "two")}, protocol)
    for content in (pickled, base64.b64encode(pickled), zlib.compress(pickled)):
        assert is_pickle(content)
    for content in (b"gAAAAABnot a pickle", b"\x80\x04", b"plain text", json.dumps({"a": 1}).encode()):
        assert not is_pickle(content)


def test_columns_are_named(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.sqlite3")) as database, database:
        database.execute("create table t (good text, bad text, pickled blob)")
        database.execute(
            "insert into t values ('fine', ?, ?)",
            (base64.b64encode(zlib.compress(SECRET.encode())).decode(), pickle.dumps(1)),
        )
    assert leaks_of(tmp_path, SECRETS) == ["a.sqlite3: t.bad holds it", "a.sqlite3: t.pickled holds a pickle"]
    assert leaks_of(tmp_path, SECRETS, without="a.") == []
