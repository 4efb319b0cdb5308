"""Texts of a run, compressed with a dictionary that is trained on the run's own first texts.

The generations of one run are much alike: the same fields, the same parameters sent, the same turns of phrase. Measured
on runs of short answers a dictionary makes them ten times smaller than plain zstd does, on chains of thought of 13 KB
by a third, and packing gets faster either way. Each zstd frame names its dictionary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import zstandard

from evalkit.errors import StoreError
from evalkit.types import Generation

_LEVEL = 3
_DICTIONARY_BYTES = 32_768
_LEARN_FROM = 400
_LEARN_BYTES = 8 * 2**20


class Packer:
    """Packs and unpacks; `load` gives the stored dictionary with a number. For one thread."""

    def __init__(self, load: Callable[[int], bytes | None]) -> None:
        self._load = load
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._decompressors = {0: zstandard.ZstdDecompressor()}
        self._lessons: list[bytes] | None = []

    def use(self, dictionary: bytes) -> int:
        """Pack with this dictionary from now on; returns its number."""
        data = zstandard.ZstdCompressionDict(dictionary)
        data.precompute_compress(level=_LEVEL)  # else each text digests the dictionary anew, which costs most of it
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, dict_data=data)
        self._lessons = None
        return data.dict_id()

    def pack(self, text: bytes) -> bytes:
        """With the dictionary, once `use` was called."""
        packed: bytes = self._compressor.compress(text)
        return packed

    def unpack(self, packed: bytes) -> bytes:
        """Raises `StoreError` for bytes that are damaged or whose dictionary is missing."""
        try:
            number = zstandard.get_frame_parameters(packed).dict_id
            if number not in self._decompressors:
                self._decompressors[number] = self._decompressor(number)
            text: bytes = self._decompressors[number].decompress(packed)
            return text
        except zstandard.ZstdError as fault:
            raise StoreError(f"a stored text is damaged: {fault}") from fault

    def learn(self, text: bytes) -> bytes | None:
        """One more text of the run; gives the dictionary when there is enough to train it, once."""
        if self._lessons is None:
            return None
        self._lessons.append(text)
        if len(self._lessons) < _LEARN_FROM and sum(map(len, self._lessons)) < _LEARN_BYTES:
            return None
        lessons, self._lessons = self._lessons, None
        try:
            dictionary: bytes = zstandard.train_dictionary(_DICTIONARY_BYTES, [*lessons]).as_bytes()
        except zstandard.ZstdError:  # too few or too short texts: the run stays without
            return None
        return dictionary

    def _decompressor(self, number: int) -> zstandard.ZstdDecompressor:
        dictionary = self._load(number)
        if dictionary is None:
            raise StoreError(f"the dictionary {number} of the stored texts is missing")
        return zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(dictionary))


def text_digest(generation: Generation) -> int:
    """64 bits that are equal for equal texts."""
    text = f"{generation.reasoning}\0{generation.answer}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), signed=True)
