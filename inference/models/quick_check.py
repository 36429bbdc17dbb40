"""A quick yes: msgspec looks at a whole part of a body at once.

It knows no more than that something is wrong.

Whatever it does not take is looked at again by the exact checks (`value_checks`), which name what
is wrong. So it need not take all that is right, but must take nothing that is wrong:
tests/gateway/test_schema_agreement.py holds both against each other.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import msgspec

from inference.models.data_types import DataType, Form
from inference.models.signature import Kind, ListOf, MapOf, ObjectOf, Property

_TYPES: dict[Form, Any] = {
    Form.BOOLEAN: bool,
    Form.STRING: str,
    Form.INTEGER: int,
    Form.NUMBER: float,
    Form.ANY: Any,
}
_LARGEST_BOUND = 2**63 - 1


class NoQuickCheck(Exception):
    """msgspec has no type for this.

    It bounds integers by 64 bits with a sign, and knows neither our dates nor our base64.
    """


def quick_check_of(properties: Iterable[Property]) -> Callable[[Any], bool]:
    """Returns what says whether a value is surely an object of these properties.

    The value is one that orjson parsed, so its integers have 64 bits at most: larger ones would be
    rounded before they are bounded.
    """
    return _quick(lambda: _object(properties))


def quick_check_of_kinds(kinds: Sequence[Kind], *, alone: bool) -> Callable[[Any], bool]:
    """Returns what says whether a value is surely a list of these; if `alone`, the one itself."""
    return _quick(
        lambda: _type(kinds[0]) if alone else tuple.__class_getitem__(tuple(map(_type, kinds)))
    )


def _quick(make: Callable[[], Any]) -> Callable[[Any], bool]:
    try:
        wanted = make()
    except (NoQuickCheck, ValueError):  # msgspec takes no name with a quote or a line break
        return never

    def check(value: Any) -> bool:
        try:
            msgspec.convert(value, wanted)
        except (msgspec.ValidationError, RecursionError):
            return False
        return True

    return check


def never(_value: Any) -> bool:
    """Leaves everything to the exact checks."""
    return False


def _type(kind: Kind) -> Any:
    if isinstance(kind, ListOf):
        items: Any = list.__class_getitem__(_type(kind.item))
        return (
            Annotated[items, msgspec.Meta(min_length=kind.length, max_length=kind.length)]
            if kind.length >= 0
            else items
        )
    if isinstance(kind, MapOf):
        return dict.__class_getitem__((str, _type(kind.item)))
    if isinstance(kind, ObjectOf):
        return _object(kind.properties)
    return _value(kind)


def _value(kind: DataType) -> Any:
    plain = _TYPES[kind.form]
    if kind.form not in (Form.INTEGER, Form.NUMBER) and kind.valid is None:
        return plain
    if kind.valid is not None or (kind.form is Form.INTEGER and kind.high > _LARGEST_BOUND):
        raise NoQuickCheck(kind.name)
    # The bounds keep NaN and infinities out as well.
    return Annotated[plain, msgspec.Meta(ge=kind.low, le=kind.high)]


def _object(properties: Iterable[Property]) -> Any:
    """A struct whose fields have names of their own.

    A property's may be no name of Python's.
    """
    fields: list[Any] = []
    for place, one in enumerate(properties):
        kind = _type(one.kind)
        if one.required:
            fields.append((f"field{place}", kind, msgspec.field(name=one.name)))
        else:
            fields.append(
                (
                    f"field{place}",
                    kind if one.never_null else kind | None,
                    msgspec.field(name=one.name, default=None),
                )
            )
    return msgspec.defstruct("Part", fields, forbid_unknown_fields=True, kw_only=True, gc=False)
