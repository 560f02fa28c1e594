"""FarmHash fingerprints for tensorflow-data-validation, without a C++ compiler. Imports TensorFlow late.

Follows google/farmhash (Copyright 2014 Google, Inc., MIT licence): `fingerprint32` is its farmhashmk::Hash32,
written out here; `fingerprint64` is TensorFlow's own. Both equal PyPI's pyfarmhash bit by bit.
"""

from __future__ import annotations

import struct

_C1 = 0xCC9E2D51
_C2 = 0x1B873593
_MASK = 0xFFFFFFFF


def fingerprint32(text: str) -> int:
    """32-bit FarmHash fingerprint of the text's UTF-8."""
    data = text.encode()
    if len(data) <= 4:
        return _hash_to_4(data)
    if len(data) <= 12:
        return _hash_to_12(data)
    if len(data) <= 24:
        return _hash_to_24(data)
    return _hash_beyond_24(data)


def fingerprint64(text: str) -> int:
    """64-bit FarmHash fingerprint of the text's UTF-8."""
    import tensorflow as tf

    return int.from_bytes(tf.fingerprint([text.encode()], method="farmhash64").numpy().tobytes(), "little")


def _fetch(data: bytes, offset: int) -> int:
    return int(struct.unpack_from("<I", data, offset)[0])


def _rotate(value: int, shift: int) -> int:
    value &= _MASK
    return (value >> shift | value << (32 - shift)) & _MASK


def _finish(h: int) -> int:
    h &= _MASK
    h = (h ^ h >> 16) * 0x85EBCA6B & _MASK
    h = (h ^ h >> 13) * 0xC2B2AE35 & _MASK
    return h ^ h >> 16


def _stir(h: int, shift: int) -> int:
    return _rotate(h, shift) * 5 + 0xE6546B64 & _MASK


def _murmur(a: int, h: int) -> int:
    return _stir(h & _MASK ^ _rotate(a * _C1, 17) * _C2 & _MASK, 19)


def _hash_to_4(data: bytes) -> int:
    b, c = 0, 9
    for byte in struct.unpack(f"{len(data)}b", data):  # C++ reads them as signed
        b = b * _C1 + byte & _MASK
        c ^= b
    return _finish(_murmur(b, _murmur(len(data), c)))


def _hash_to_12(data: bytes) -> int:
    size = len(data)
    a = size + _fetch(data, 0)
    b = size * 5 + _fetch(data, size - 4)
    c = 9 + _fetch(data, size >> 1 & 4)
    return _finish(_murmur(c, _murmur(b, _murmur(a, size * 5))))


def _hash_to_24(data: bytes) -> int:
    size = len(data)
    middle = size >> 1
    a, b, c = _fetch(data, middle - 4), _fetch(data, 4), _fetch(data, size - 8)
    d, e, f = _fetch(data, middle), _fetch(data, 0), _fetch(data, size - 4)
    h = d * _C1 + size
    a = _rotate(a, 12) + f
    h = _murmur(c, h) + a
    a = _rotate(a, 3) + c
    h = _murmur(e, h) + a
    a = _rotate(a + f, 12) + d
    return _finish(_murmur(b, h) + a)


def _hash_beyond_24(data: bytes) -> int:
    size = len(data)
    a0, a1, a2, a3, a4 = (_rotate(_fetch(data, size - back) * _C1, 17) * _C2 & _MASK for back in (4, 8, 16, 12, 20))
    h = _stir(_stir(size ^ a0, 19) ^ a2, 19)
    g = _stir(_stir(_C1 * size & _MASK ^ a1, 19) ^ a3, 19)
    f = _rotate(_C1 * size + a4, 19) + 113
    for start in range(0, (size - 1) // 20 * 20, 20):
        a, b, c, d, e = struct.unpack_from("<5I", data, start)
        h = _murmur(d, h + a) + e
        g, f = _murmur(c, g + b) + a, _murmur(b + e * _C1, f + c) + d
        f += g
        g += f
    g = _rotate(_rotate(g, 11) * _C1, 17) * _C1
    f = _rotate(_rotate(f, 11) * _C1, 17) * _C1
    h = _rotate(_stir(h + g, 19), 17) * _C1
    return _rotate(_stir(h + f, 19), 17) * _C1 & _MASK
