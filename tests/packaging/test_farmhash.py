"""The stand-in for pyfarmhash gives FarmHash's values. Imports none of our packages."""

import farmhash
import pytest

# (text, fingerprint32, fingerprint64) by PyPI's pyfarmhash 0.3.2, which is Google's C++; every length class.
REFERENCE = [
    ("", 3696677242, 11160318154034397263),
    ("a", 1016544589, 12917804110809363939),
    ("é", 1973972843, 693143013273849025),
    ("image_xf", 4265645186, 757541434672003210),
    ("automobile/truck", 1594163522, 16306453395907529020),
    ("x" * 25, 35736989, 5400916327661889031),
    ("Thaw " * 20, 1209847606, 13086841242886953872),
]


@pytest.mark.parametrize(("text", "expected"), [(text, value) for text, value, _ in REFERENCE])
def test_fingerprint32_equals_the_reference(text: str, expected: int) -> None:
    assert farmhash.fingerprint32(text) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("text", "expected"), [(text, value) for text, _, value in REFERENCE])
def test_fingerprint64_equals_the_reference(text: str, expected: int) -> None:
    assert farmhash.fingerprint64(text) == expected
