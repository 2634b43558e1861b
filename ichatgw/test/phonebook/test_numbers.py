"""Tests for L{ichatgw.phonebook.numbers}."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.phonebook.numbers import COUNTRIES, LONGEST, Numbering


class NormaliseTests(SynchronousTestCase):
    """One spelling for each number."""

    def setUp(self) -> None:
        self.german = Numbering("DE")

    def test_german(self) -> None:
        """In full, from the country, from abroad, with marks for the eye, with a prefix where none belongs."""
        for text in (
            *("+49 30 1234", "030 1234", "0049301234", "00 49 30 1234", "+49 (0)30 1234", "030/1234", "(030) 12-34"),
            *(
                "+49.30.1234",
                "+49\u00a030\u20111234",
                "tel:+49-30-1234",
                "TEL:+49301234",
                "tel:0301234",
                "\uff0b49 30 1234",
            ),
            *("tel:1234;phone-context=+4930", "tel:301234;phone-context=+49", "tel:030 1234;phone-context=pbx.example"),
            "tel:+49301234;ext=9",
        ):
            self.assertEqual(self.german.normalise(text), "+49301234", text)

    def test_local(self) -> None:
        """What counts only here is kept as it is dialled, and never becomes a number of the country."""
        for text in ("72", "110", "112", "1234567", "301234", "*21#72", "0", "01", "#31#", "00"):
            self.assertEqual(self.german.normalise(text), text)
        self.assertEqual(self.german.normalise("tel:7042;phone-context=ims.example"), "7042")
        self.assertEqual(self.german.normalise("tel:72;phone-context=+1"), "+172")

    def test_countries(self) -> None:
        """Each country has its ways."""
        for country, text, number in (
            ("US", "(212) 555-1234", "+12125551234"),
            ("US", "1 212 555 1234", "+12125551234"),
            ("US", "011 49 30 1234", "+49301234"),
            ("US", "5551234", "5551234"),
            ("IT", "06 6982 0001", "+390669820001"),
            ("IT", "+39 06 6982 0001", "+390669820001"),
            ("ES", "912 34 56 78", "+34912345678"),
            ("GB", "020 7946 0000", "+442079460000"),
            ("RU", "8 (495) 123-45-67", "+74951234567"),
            ("AU", "0011 49 30 1234", "+49301234"),
            ("DK", "32 12 34 56", "+4532123456"),
            ("DE", "+1 (212) 555-1234", "+12125551234"),
            ("DE", "+44 (0)20 7946 0000", "+442079460000"),
            ("", "+49 30 1234", "+49301234"),
            ("", "030 1234", "0301234"),
            ("", "0049301234", "0049301234"),
        ):
            self.assertEqual(Numbering(country).normalise(text), number, text)

    def test_none(self) -> None:
        """What is no number is refused."""
        for text in (
            "",
            "alice",
            "+",
            "+49x",
            "030 FLOWERS",
            "12\n34",
            "1" * 33,
            "\ud800",
            "0" * (LONGEST + 1),
            "tel:",
            "1,2",
        ):
            self.assertRaises(ValueError, self.german.normalise, text)

    def test_asTheLibrary(self) -> None:
        """Whatever is said without asking the library is what that says."""
        random = Random(7)
        for country in ("DE", "US", "GB", "FR", "IT", "RU", "MX", "AR", "BR", "AU", "JP", "CH", "AT", "HU", "CI", "SM"):
            numbering = Numbering(country)
            for _ in range(150):
                start = random.choice(
                    ("+", "00", "0", "", "011", "8", "1", f"+{numbering._code}", f"00{numbering._code}")
                )
                text = start + "".join(random.choice("0123456789") for _ in range(random.randint(3, 12)))
                usual = numbering._usual(text)
                if usual is not None:
                    try:
                        self.assertEqual(numbering._byLibrary(text), usual, (country, text))
                    except ValueError:
                        self.fail((country, text))

    def test_keys(self) -> None:
        """A called number is also looked for with the plus that some servers leave away; and as it is dialled there."""
        for country, text, keys in (
            ("DE", "+49 30 1234", ["+49301234"]),
            ("DE", "030 1234", ["0301234", "+49301234"]),
            ("DE", "49301234", ["49301234", "+49301234"]),
            ("DE", "12125551234", ["12125551234", "+12125551234"]),
            ("DE", "72", ["72"]),
            ("DE", "alice", []),
            ("US", "212-555-1234", ["2125551234", "+12125551234"]),
            ("", "49301234", ["49301234", "+49301234"]),
        ):
            self.assertEqual(list(dict.fromkeys(Numbering(country).keys(text))), keys)

    def test_known(self) -> None:
        """All countries can be named."""
        self.assertIn("DE", COUNTRIES)
        for country in COUNTRIES:
            self.assertEqual(Numbering(country).normalise("*1"), "*1")
