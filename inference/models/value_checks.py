"""Checks JSON values exactly: each check names every part of a value that is wrong.

Each check looks at values of one kind. All are strict: `true` is no number, `1.0` is no integer,
NaN and infinities are no numbers.
"""

from collections.abc import Callable, Sequence
from typing import Any

from inference.field_errors import shown
from inference.models.data_types import DataType, Form
from inference.models.signature import Kind, ListOf, MapOf, ObjectOf, Property
from inference.outbound.address_policy import Network, refusal

Report = Callable[[str, str], None]
Check = Callable[[Any, str, Report], None]
"""Looks at a value under a name and reports what is wrong with it."""

_LONGEST_SCHEME = 16
"""base64 has no colon, so one this near to the start is a URL's."""

_LARGEST_EXACT = 2**53
"""Above it a float stands for several integers, and a long one in JSON is read as a float."""

_PLAIN: dict[Form, type] = {Form.BOOLEAN: bool, Form.STRING: str}


def check_of(kind: Kind) -> Check:
    """Returns the check of a kind."""
    if isinstance(kind, ListOf):
        return _list(check_of(kind.item), kind.length)
    if isinstance(kind, MapOf):
        return _map(check_of(kind.item))
    if isinstance(kind, ObjectOf):
        return _object(kind.properties)
    return _value(kind)


def or_null(check: Check, required: bool) -> Check:
    """Returns the check of a column or property: null means left out where it is optional."""
    if required:
        return check
    return lambda value, name, report: None if value is None else check(value, name, report)


def image_check(allowed: Sequence[Network]) -> Check:
    """Returns the check of a string that is an image.

    A URL must be of an address that a worker may ask.
    """

    def check(value: Any, name: str, report: Report) -> None:
        if type(value) is not str or not value:
            report(name, "must be an image: base64, a data: URL, or an http(s) URL")
        elif (
            ":" in value[:_LONGEST_SCHEME]
            and value[:5].lower() != "data:"
            and (reason := refusal(value, allowed))
        ):
            report(name, reason)

    return check


def _value(kind: DataType) -> Check:
    message, low, high = f"must be {kind.words}", kind.low, kind.high

    def number(value: Any, name: str, report: Report) -> None:
        # NaN fails the comparison.
        if (type(value) is not float and type(value) is not int) or not low <= value <= high:
            report(name, message)

    def integer(value: Any, name: str, report: Report) -> None:
        whole = type(value) is int or (kind.whole_floats and _is_whole(value))
        if not whole or not low <= value <= high:
            report(name, message)

    def plain(value: Any, name: str, report: Report) -> None:
        if type(value) is not wanted:
            report(name, message)

    if kind.form is Form.ANY:
        return _anything
    if kind.form is Form.NUMBER:
        return number
    if kind.form is Form.INTEGER:
        return integer
    if kind.valid is not None:
        return _text(kind.valid, message)
    wanted = _PLAIN[kind.form]
    return plain


def _text(valid: Callable[[str], bool], message: str) -> Check:
    def check(value: Any, name: str, report: Report) -> None:
        if type(value) is not str or not valid(value):
            report(name, message)

    return check


def _is_whole(value: Any) -> bool:
    return type(value) is float and value.is_integer() and abs(value) <= _LARGEST_EXACT


def _anything(_value: Any, _name: str, _report: Report) -> None:
    return None


def _list(check: Check, length: int) -> Check:
    def check_all(value: Any, name: str, report: Report) -> None:
        if type(value) is not list:
            report(name, "must be a list")
        elif length >= 0 and len(value) != length:
            report(name, f"must have {length} items, not {len(value)}")
        else:
            _each(check, value, name, report)

    return check_all


def _each(check: Check, value: list[Any], name: str, report: Report) -> None:
    """Stops at the first item that is wrong: the rest of a tensor mostly has the same fault."""
    wrong = False

    def once(place: str, message: str) -> None:
        nonlocal wrong
        wrong = True
        report(place, message)

    for i, item in enumerate(value):
        check(item, f"{name}[{i}]", once)
        if wrong:
            return


def _map(check: Check) -> Check:
    def check_all(value: Any, name: str, report: Report) -> None:
        if type(value) is not dict:
            report(name, "must be an object")
            return
        for key, part in value.items():
            check(part, f"{name}.{shown(key)}", report)

    return check_all


def listed(checks: Sequence[Check]) -> Check:
    """Returns the check of a list that has one item for each of these."""

    def check_all(value: Any, name: str, report: Report) -> None:
        if type(value) is not list:
            report(name, "must be a list")
        elif len(value) != len(checks):
            report(name, f"must have {len(checks)} items, not {len(value)}")
        else:
            for place, (check, item) in enumerate(zip(checks, value, strict=True)):
                check(item, f"{name}[{place}]", report)

    return check_all


def _object(properties: tuple[Property, ...]) -> Check:
    checks = {
        one.name: (
            or_null(check_of(one.kind), one.required or one.never_null),
            one.required,
        )
        for one in properties
    }

    def check_all(value: Any, name: str, report: Report) -> None:
        if type(value) is not dict:
            report(name, "must be an object")
            return
        for key, (check, required) in checks.items():
            if key in value:
                check(value[key], f"{name}.{key}", report)
            elif required:
                report(f"{name}.{key}", "is missing")
        for key in value.keys() - checks.keys():
            report(f"{name}.{shown(key)}", "is not known")

    return check_all
