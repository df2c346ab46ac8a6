"""Files of a source: which there are, which are new or have changed, and their rows while nobody changes them."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import stat
import time
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import fsspec

from data.sources import csv, json, parquet, sql, xes, xlsx
from data.sources.chunk import Chunk, SourceError
from data.sources.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from data.settings import Source

_CHUNKS: dict[str, Callable[[Reading, Source], Iterator[Chunk]]] = {
    "csv": csv.chunks,
    "json": json.chunks,
    "parquet": parquet.chunks,
    "xes": xes.chunks,
    "xlsx": xlsx.chunks,
}
_HEADERS: dict[str, Callable[[Reading, Source], tuple[str, ...]]] = {
    "csv": csv.columns,
    "parquet": parquet.columns,
    "xlsx": xlsx.columns,
}
_SETTLED_SECONDS = 60
# A file changed again within its clock's tick keeps size and time, so a mark this fresh is not believed without a look.
_TICK_SECONDS = 2
_UNSURE = "?"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class FileMark:
    """What is remembered of a loaded file: its size, time and digest, and where its whole lines and their count end.

    `tail` is 0 where an appended part cannot be read alone. `size` and `digest` are of the bytes that were taken.
    """

    name: str
    size: int
    modified: str
    digest: str
    tail: int = 0
    rows: int = 0


@dataclass(frozen=True)
class _State:
    size: int
    modified: str
    seconds: float | None  # since 1970, where the place knows


class _LocalFile:
    """A file on this machine."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self.name = name

    def open(self) -> IO[bytes]:
        return self._path.open("rb")

    def state(self, stream: IO[bytes] | None = None) -> _State:
        """Return the state of the opened file, which another one may have replaced since, or of the one there now."""
        found = os.fstat(stream.fileno()) if stream is not None else self._path.stat()
        return _State(found.st_size, str(found.st_mtime_ns), found.st_mtime)


class _RemoteFile:
    """A file at an fsspec address."""

    def __init__(self, system: Any, path: str, name: str) -> None:
        self._system = system
        self._path = path
        self.name = name

    def open(self) -> IO[bytes]:
        opened: IO[bytes] = self._system.open(self._path, "rb")
        return opened

    def state(self, stream: IO[bytes] | None = None) -> _State:  # noqa: ARG002 - an address has no descriptor to ask
        self._system.invalidate_cache()
        info = self._system.info(self._path)
        keys = ("ETag", "etag", "mtime", "LastModified", "last_modified", "modified", "updated", "created")
        modified = next((str(info[key]) for key in keys if info.get(key)), "")
        return _State(int(info.get("size") or 0), modified, None)


class _Member:
    """A file in a zip."""

    def __init__(self, archive: _LocalFile | _RemoteFile, info: zipfile.ZipInfo) -> None:
        self._archive = archive
        self._info = info
        self.name = f"{archive.name}/{info.filename}"

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        with self._archive.open() as stream, zipfile.ZipFile(stream) as archive:
            now = next((info for info in archive.infolist() if info.filename == self._info.filename), None)
            if now is None or (now.CRC, now.file_size) != (self._info.CRC, self._info.file_size):
                raise _changed(self.name)
            with archive.open(now) as opened:
                yield opened

    def state(self, stream: IO[bytes] | None = None) -> _State:  # noqa: ARG002 - the archive's list says it all
        return _State(self._info.file_size, f"crc32:{self._info.CRC:08x}", None)


_Place = _LocalFile | _RemoteFile | _Member


def pending(
    source: Source, marks: Mapping[str, FileMark], *, again: bool = False
) -> tuple[list[PendingFile], list[SourceError]]:
    """Return the files that are new or changed, by name, and what is wrong with others.

    `again` returns all of them, to be read from their start.
    """
    places, errors = _places(source)
    files = []
    for place in places:
        try:
            with _clear_errors(place.name):
                file = _pending(place, source, None if again else marks.get(place.name), again=again)
            if file is not None:
                files.append(file)
        except SourceError as error:
            errors.append(error)
    return files, errors


def _pending(place: _Place, source: Source, mark: FileMark | None, *, again: bool) -> PendingFile | None:
    state = place.state()
    if state.size == 0:
        raise SourceError(f"{place.name}: the file is empty; have it sent again", permanent=False)
    if mark is None or again:
        return PendingFile(place, source, state, None)
    if state.size == mark.size and state.modified == mark.modified and state.modified:
        return None
    same = state.size >= mark.size > 0 and _digest(place, mark.size) == mark.digest
    if same and state.size == mark.size:
        return None
    return PendingFile(place, source, state, mark if same and mark.tail and source.format in {"csv", "json"} else None)


def columns(source: Source) -> tuple[str, ...]:
    """Return the columns of the first file or page, or of the query's result. Raises SourceError."""
    if source.format == "sql":
        return sql.columns(source)
    if source.format == "http":
        from data.sources import http  # noqa: PLC0415  # networks without web APIs need no HTTP client

        return http.columns(source)
    if source.format not in _CHUNKS:
        return source.columns
    places, errors = _places(source)
    if not places:
        raise errors[0]
    return PendingFile(places[0], source, places[0].state(), None).columns()


class PendingFile:
    """A file to be read; `grown` says that only what was appended since its mark is."""

    def __init__(self, place: _Place, source: Source, state: _State, mark: FileMark | None) -> None:
        self.name = place.name
        self.size = state.size
        self.grown = mark is not None
        self._place = place
        self._source = source
        self._known = mark
        self._mark: FileMark | None = None

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows. Raises SourceError, also at the end if the file was changed meanwhile."""
        with _clear_errors(self.name), self._place.open() as raw:
            state = self._place.state(raw)
            taken = _Taken(raw, state.size, self._known)
            try:
                with _unpacked(taken, self.name) as stream:
                    reading = self._reading(stream, state)
                    yield from _CHUNKS[self._source.format](reading, self._source)
                taken.drain()
            except (SourceError, *_DAMAGED):
                self._check_unchanged(raw, state, taken)
                raise
            self._check_unchanged(raw, state, taken)
            self._mark = self._marked(raw, state, taken, reading)

    def columns(self) -> tuple[str, ...]:
        """Return the file's columns. Raises SourceError."""
        if self._source.format not in _HEADERS:
            first = next(self.chunks(), None)
            return () if first is None else tuple(map(str, first.frame.columns))
        with _clear_errors(self.name), self._place.open() as raw, _unpacked(raw, self.name) as stream:
            return _HEADERS[self._source.format](Reading(self.name, stream), self._source)

    def mark(self) -> FileMark:
        """Return what to remember of the file, after its last chunk."""
        if self._mark is None:
            raise ValueError(f"{self.name} was not read to its end")
        return self._mark

    def _reading(self, stream: IO[bytes], state: _State) -> Reading:
        plain = not _is_gzip(self.name) and not isinstance(self._place, _Member)
        settled = not plain or state.seconds is None or time.time() - state.seconds > _SETTLED_SECONDS
        resume = (self._known.tail, self._known.rows) if self._known is not None else None
        return Reading(self.name, stream, settled=settled, plain=plain, resume=resume)

    def _check_unchanged(self, raw: IO[bytes], state: _State, taken: _Taken) -> None:
        """Raise SourceError unless the bytes that were read are still there; more may have been appended."""
        now = self._place.state(raw)
        if (now.size, now.modified) == (state.size, state.modified) and not taken.differs:
            return
        taken.drain()
        whole = now.size >= state.size and taken.size == state.size and not taken.differs
        if not whole or _digest_of(raw, state.size) != taken.digest():
            raise _changed(self.name)

    def _marked(self, raw: IO[bytes], state: _State, taken: _Taken, reading: Reading) -> FileMark:
        recent = state.seconds is not None and time.time() - state.seconds < _TICK_SECONDS
        modified = state.modified + (_UNSURE if recent else "")
        if reading.left_out and reading.tail:
            # What was left out is not taken: the file counts as grown until its last line is whole, or old.
            return FileMark(
                self.name, reading.tail, modified, _digest_of(raw, reading.tail), reading.tail, reading.rows
            )
        tail = reading.tail if reading.plain else 0
        return FileMark(self.name, taken.size, modified, taken.digest(), tail, reading.rows if tail else 0)


class _Taken(io.RawIOBase):
    """The first `size` bytes of a file, hashed as they are read, with a look whether its known start is still so."""

    def __init__(self, raw: IO[bytes], size: int, known: FileMark | None) -> None:
        self._raw = raw
        self._left = size
        self._hash = hashlib.blake2b()
        self._known = known
        self.size = 0
        self.differs = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        read = self._raw.read(min(len(view), self._left))
        view[: len(read)] = read
        self._see(read)
        return len(read)

    def read(self, size: int | None = -1) -> bytes:
        read = self._raw.read(self._left if size is None or size < 0 else min(size, self._left))
        self._see(read)
        return read

    def drain(self) -> None:
        while self.read(_BLOCK):
            pass

    def digest(self) -> str:
        return self._hash.hexdigest()

    def _see(self, read: bytes) -> None:
        known = self._known
        self._left -= len(read)
        if known is not None and self.size < known.size <= self.size + len(read):
            start = self._hash.copy()
            start.update(read[: known.size - self.size])
            self.differs = start.hexdigest() != known.digest
        self._hash.update(read)
        self.size += len(read)


def _changed(name: str) -> SourceError:
    return SourceError(f"{name}: it changed while it was read; it is read again at the next load", permanent=False)


_DAMAGED = (EOFError, OSError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError)


@contextmanager
def _clear_errors(name: str) -> Iterator[None]:
    """Turn what the system and the packers say into one sentence."""
    try:
        yield
    except SourceError:
        raise
    except EOFError:
        raise SourceError(f"{name}: the compressed file ends too early; have it sent again", permanent=False) from None
    except (zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise SourceError(f"{name}: the compressed file is damaged ({error}); have it sent again") from None
    except (RuntimeError, NotImplementedError) as error:
        if ".zip/" not in name.lower():
            raise
        raise SourceError(f"{name}: the zip cannot be unpacked ({error}); send it without a password") from None
    except OSError as error:
        reason = error.strerror or str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(
            f"{name}: it cannot be read: {reason}; check that it is there and readable", permanent=False
        ) from None


@contextmanager
def _unpacked(raw: Any, name: str) -> Iterator[IO[bytes]]:
    if _is_gzip(name):
        with gzip.GzipFile(fileobj=raw) as stream:
            yield stream  # type: ignore[misc] # it is one in all but its declared type
    else:
        yield raw


def _is_gzip(name: str) -> bool:
    return name.lower().endswith(".gz")


def _digest(place: _Place, size: int) -> str:
    with place.open() as raw:
        return _digest_of(raw, size)


def _digest_of(raw: IO[bytes], size: int) -> str:
    """Return the digest of the first `size` bytes."""
    if raw.seekable():
        raw.seek(0)
    digest = hashlib.blake2b()
    while size and (block := raw.read(min(size, _BLOCK))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest()


def _places(source: Source) -> tuple[list[_Place], list[SourceError]]:
    """Return all files of the source by name, those in zips too, and what is wrong with the others."""
    try:
        with _clear_errors(f"source {source.name}"):
            found = _remote(source) if _is_remote(source) else _local(source)
    except SourceError as error:
        return [], [error]
    places: list[_Place] = []
    errors: list[SourceError] = []
    for place in found:
        if not place.name.lower().endswith(".zip"):
            places.append(place)
            continue
        try:
            with _clear_errors(place.name):
                places += _members(place)
        except SourceError as error:
            errors.append(error)
    return sorted(places, key=lambda place: place.name), errors


def _members(archive: _LocalFile | _RemoteFile) -> list[_Member]:
    if archive.state().size == 0:
        raise SourceError(f"{archive.name}: the file is empty; have it sent again", permanent=False)
    with archive.open() as stream, zipfile.ZipFile(stream) as opened:
        infos = [info for info in opened.infolist() if not info.is_dir() and _counts(info.filename)]
    if not infos:
        raise SourceError(f"{archive.name}: the zip holds no file; have it sent again", permanent=False)
    return [_Member(archive, info) for info in infos]


def _counts(name: str) -> bool:
    """Tell whether a found file is meant: hidden ones and those still being written are not."""
    *folders, last = name.replace("\\", "/").split("/")
    return not last.startswith(".") and not last.lower().endswith((".tmp", ".part")) and "__MACOSX" not in folders


def _is_remote(source: Source) -> bool:
    return "://" in (source.path or "") and not (source.path or "").startswith("file://")


def _local(source: Source) -> list[_LocalFile]:
    written = source.path or ""
    if written.startswith("file://"):
        written = url2pathname(urlsplit(written).path)
    path = source.folder / written
    if path.is_dir():
        found = [entry for entry in path.iterdir() if _counts(entry.name)]
        missing = f"the folder {source.path} holds no files"
    elif path.exists() or not has_magic(written):
        found = [path]
        missing = f"there is no file {source.path}"
    else:
        found = [source.folder / match for match in glob(written, root_dir=source.folder, recursive=True)]  # noqa: PTH207 - Path.glob takes no absolute patterns
        found = [entry for entry in found if _counts(entry.name)]
        missing = f"no file matches {source.path}"
    files = sorted({Path(os.path.normpath(entry)) for entry in found if _is_file(entry)})
    if not files:
        raise SourceError(
            f"source {source.name}: {missing} (in {source.folder}); put one there or correct path", permanent=False
        )
    return [_LocalFile(path, _local_name(path, source.folder)) for path in files]


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _local_name(path: Path, folder: Path) -> str:
    home = Path(os.path.normpath(folder))
    return path.relative_to(home).as_posix() if path.is_relative_to(home) else path.as_posix()


def _remote(source: Source) -> list[_RemoteFile]:
    address = source.path or ""
    shown = re.sub(r"://[^/@]*@", "://", address)
    try:
        system, path = fsspec.core.url_to_fs(address)
        paths = _remote_paths(system, path)
    except (ImportError, ValueError) as error:
        raise SourceError(f"source {source.name}: {shown} cannot be opened ({error}); correct path") from None
    except FileNotFoundError:
        paths = []
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - every file system behind fsspec raises its own kinds
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(
            f"source {source.name}: {shown} cannot be reached ({reason}); check address and access", permanent=False
        ) from None
    if not paths:
        raise SourceError(f"source {source.name}: no file at {shown}; put one there or correct path", permanent=False)
    return [_RemoteFile(system, path, re.sub(r"://[^/@]*@", "://", system.unstrip_protocol(path))) for path in paths]


def _remote_paths(system: Any, path: str) -> list[str]:
    if has_magic(path):
        found = [name for name, info in system.glob(path, detail=True).items() if info["type"] == "file"]
    elif system.isdir(path):
        found = [info["name"] for info in system.ls(path, detail=True) if info["type"] == "file"]
    else:
        return [path] if system.exists(path) else []
    return sorted(name for name in found if _counts(name))
