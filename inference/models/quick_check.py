"""A quick yes: msgspec looks at a whole part of a body at once.

It knows no more than that something is wrong.

Whatever it does not take is looked at again by the exact checks (`value_checks`), which name what
is wrong. So it need not take all that is right, but must take nothing that is wrong:
tests/gateway/test_schema_agreement.py holds both against each other.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import msgspec

from inference.models.data_types import DataType, Form
from inference.models.signature import Kind, ListOf, ObjectOf, Property

_TYPES: dict[Form, Any] = {
    Form.BOOLEAN: bool,
    Form.STRING: str,
    Form.INTEGER: int,
    Form.NUMBER: float,
    Form.ANY: Any,
}
_LARGEST_BOUND = 2**63 - 1


class NoQuickCheck(Exception):
    """msgspec has no type for this: it bounds integers by 64 bits with a sign."""


def quick_check_of(
    properties: Iterable[Property], *, nullable: bool = True
) -> Callable[[Any], bool]:
    """Returns what says whether a value is surely an object of these properties.

    `nullable`: an optional one may be null.

    The value is one that orjson parsed, so its integers have 64 bits at most: larger ones would be
    rounded before they are bounded.
    """
    try:
        wanted = _object(properties, nullable)
    except NoQuickCheck:
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
    if isinstance(kind, ObjectOf):
        return _object(kind.properties)
    return _value(kind)


def _value(kind: DataType) -> Any:
    plain = _TYPES[kind.form]
    if kind.form not in (Form.INTEGER, Form.NUMBER):
        return plain
    if kind.form is Form.INTEGER and kind.high > _LARGEST_BOUND:
        raise NoQuickCheck(kind.name)
    # The bounds keep NaN and infinities out as well.
    return Annotated[plain, msgspec.Meta(ge=kind.low, le=kind.high)]


def _object(properties: Iterable[Property], nullable: bool = True) -> Any:
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
                    kind | None if nullable else kind,
                    msgspec.field(name=one.name, default=None),
                )
            )
    return msgspec.defstruct("Part", fields, forbid_unknown_fields=True, kw_only=True, gc=False)
