"""The digest: the same on every machine, and unchanged files are not read again."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest

from mlroad.core.digests import changes, digest_content, listing, listing_file_digest, read_listing
from mlroad.core.hash_cache import HashCache
from mlroad.core.problems import UserError


def fill(folder: Path, names: list[str]) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"content of {name.casefold()}", encoding="utf-8")


def test_a_file_has_the_digest_that_sha256sum_shows(tmp_path: Path) -> None:
    file = tmp_path / "x.bin"
    file.write_bytes(os.urandom(3_000_001))
    found = digest_content(file)
    assert found.digest == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    assert (found.size, found.files_read, found.bytes_read) == (3_000_001, 1, 3_000_001)


def test_a_folder_has_the_same_digest_in_whatever_order_its_files_are_made(tmp_path: Path) -> None:
    names = [f"{letter}/{number}.txt" for letter in "abc" for number in range(20)] + ["b", "b.txt", "a b"]
    names.remove("b")
    fill(tmp_path / "one", names)
    random.Random(3).shuffle(names)
    fill(tmp_path / "two", names)
    (tmp_path / "two" / "empty").mkdir()
    (tmp_path / "two" / ".DS_Store").write_bytes(b"desktop")
    assert digest_content(tmp_path / "one").digest == digest_content(tmp_path / "two").digest


@pytest.mark.parametrize("change", ["byte", "name", "moved", "added", "removed", "swapped"])
def test_every_change_in_a_folder_changes_the_digest(tmp_path: Path, change: str) -> None:
    fill(tmp_path, ["a/1.txt", "a/2.txt", "b/1.txt"])
    before = digest_content(tmp_path)
    match change:
        case "byte":
            (tmp_path / "a/1.txt").write_text("content of a/1.txT", encoding="utf-8")
        case "name":
            (tmp_path / "a/1.txt").rename(tmp_path / "a/3.txt")
        case "moved":
            (tmp_path / "a/1.txt").rename(tmp_path / "b/3.txt")
        case "added":
            (tmp_path / "c").write_bytes(b"")
        case "removed":
            (tmp_path / "b/1.txt").unlink()
        case "swapped":
            one, two = (tmp_path / "a/1.txt").read_bytes(), (tmp_path / "a/2.txt").read_bytes()
            (tmp_path / "a/1.txt").write_bytes(two)
            (tmp_path / "a/2.txt").write_bytes(one)
    after = digest_content(tmp_path)
    assert after.digest != before.digest
    assert changes(before.by_path, after.by_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names, and no sha256sum")
def test_the_listing_is_what_sha256sum_reads(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill(data, ["plain", "with blank", "back\\slash", "new\nline", "\u2028", "é", "sub/x"])
    content = digest_content(data)
    file = tmp_path / "1.sha256"
    file.write_text(listing(content.by_path), encoding="utf-8", newline="\n")
    assert listing_file_digest(file) == content.digest
    assert read_listing(file) == {entry.path: entry.sha256 for entry in content.files}
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert listing_file_digest(file) == content.digest, "git on Windows may write it with CRLF"
    assert read_listing(file) == {entry.path: entry.sha256 for entry in content.files}
    if shutil.which("sha256sum"):
        file.write_text(listing(content.by_path), encoding="utf-8", newline="\n")
        subprocess.run(["sha256sum", "--check", "--strict", file], cwd=data, check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems change the name themselves")
def test_names_are_the_same_on_macos(tmp_path: Path) -> None:
    fill(tmp_path / "linux", [unicodedata.normalize("NFC", "é.txt")])
    fill(tmp_path / "macos", [unicodedata.normalize("NFD", "é.txt")])
    (tmp_path / "macos" / unicodedata.normalize("NFD", "é.txt")).write_bytes(
        (tmp_path / "linux" / unicodedata.normalize("NFC", "é.txt")).read_bytes()
    )
    assert digest_content(tmp_path / "linux").digest == digest_content(tmp_path / "macos").digest
    fill(tmp_path / "macos", [unicodedata.normalize("NFC", "é.txt")])
    with pytest.raises(UserError, match="accent"):
        digest_content(tmp_path / "macos")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_links(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill(data, ["a", "sub/b"])
    fill(tmp_path, ["outside"])
    (data / "link").symlink_to("sub/b")
    assert len(digest_content(data).files) == 3, "a link to a file of the same dataset is that file again"
    for target, word in (("../outside", "outside of the dataset"), ("nowhere", "nowhere"), ("sub", "folder")):
        (data / "bad").unlink(missing_ok=True)
        (data / "bad").symlink_to(target)
        with pytest.raises(UserError, match=word) as error:
            digest_content(data)
        assert "bad" in str(error.value)


def test_what_has_no_digest(tmp_path: Path) -> None:
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    with pytest.raises(UserError, match="holds no files"):
        digest_content(tmp_path / "empty")
    with pytest.raises(UserError, match="does not exist"):
        digest_content(tmp_path / "nothing")


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"a" * 3_000_000)
    sha256 = hashlib.sha256

    def meddle() -> object:
        file.write_bytes(b"b" * 3_000_000)
        os.utime(file, ns=(1, 1))
        return sha256()

    monkeypatch.setattr("mlroad.core.digests.hashlib.sha256", meddle)
    with pytest.raises(UserError, match="changed while it was read"):
        digest_content(file)


# ---- files that need not be read again ----


def test_untouched_files_are_not_read_again(tmp_path: Path) -> None:
    fill(tmp_path / "data", ["a", "b", "c/d"])
    time.sleep(0.05)
    with HashCache(tmp_path, settled=0) as cache:
        assert digest_content(tmp_path / "data", cache).files_read == 3
    with HashCache(tmp_path, settled=0) as cache:
        assert digest_content(tmp_path / "data", cache).files_read == 0
    (tmp_path / "data" / "b").write_text("other", encoding="utf-8")
    with HashCache(tmp_path, settled=0) as cache:
        found = digest_content(tmp_path / "data", cache)
        assert (found.files_read, found.digest) == (1, digest_content(tmp_path / "data").digest)
    with HashCache(tmp_path, full=True) as cache:
        assert digest_content(tmp_path / "data", cache).files_read == 3


def test_fresh_files_are_read_again(tmp_path: Path) -> None:
    """Two writes within one clock tick leave the same timestamps, so fresh files are not cached."""
    file = tmp_path / "x"
    file.write_bytes(b"one")
    with HashCache(tmp_path) as cache:
        before = digest_content(file, cache)
    state = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    with HashCache(tmp_path) as cache:
        after = digest_content(file, cache)
    assert (after.files_read, after.digest != before.digest) == (1, True)


@pytest.mark.skipif(sys.platform == "win32", reason="all times can be set on Windows")
def test_an_edit_that_sets_the_time_back_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"one")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    time.sleep(0.05)
    with HashCache(tmp_path, settled=0) as cache:
        before = digest_content(file, cache)
        assert digest_content(file, cache).files_read == 0
    file.write_bytes(b"two")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    with HashCache(tmp_path, settled=0) as cache:
        assert digest_content(file, cache).digest != before.digest


@pytest.mark.parametrize("damage", [b"no database", b""])
def test_a_broken_cache_costs_only_time(tmp_path: Path, damage: bytes) -> None:
    fill(tmp_path / "data", ["a"])
    (tmp_path / ".mlroad").mkdir()
    (tmp_path / ".mlroad" / "hashes.db").write_bytes(damage)
    time.sleep(0.05)
    for _ in range(3):
        with HashCache(tmp_path, settled=0) as cache:
            found = digest_content(tmp_path / "data", cache)
    assert found.digest == digest_content(tmp_path / "data").digest
    assert found.files_read == 0


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission_to_write_the_cache(tmp_path: Path) -> None:
    fill(tmp_path / "data", ["a"])
    tmp_path.chmod(0o500)
    try:
        with HashCache(tmp_path) as cache:
            assert digest_content(tmp_path / "data", cache).files_read == 1
    finally:
        tmp_path.chmod(0o700)


def test_two_at_once(tmp_path: Path) -> None:
    fill(tmp_path / "data", [f"{number}" for number in range(50)])
    time.sleep(0.05)
    with HashCache(tmp_path, settled=0) as one, HashCache(tmp_path, settled=0) as two:
        digests = {digest_content(tmp_path / "data", cache).digest for cache in (one, two, one)}
    assert len(digests) == 1
