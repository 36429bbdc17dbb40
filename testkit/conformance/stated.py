"""The stated differences between the service and MLflow, as the page lists them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """One stated difference, by its number in the page."""

    number: int
    sentence: str


FLOATS = Difference(
    1, "Floats are equal to a millionth: a batch may add in another order than a row alone."
)
UNKNOWN = Difference(
    2,
    "A name that the signature does not have is refused at the door. MLflow drops such a column"
    " and logs a warning.",
)
STRICT = Difference(
    3,
    'A value of another JSON type is refused at the door: `"1.5"` or `true` for a number, a number'
    " for a string, `1.5` for an integer. MLflow's server converts or cuts it.",
)
RANGE = Difference(
    4,
    "A number that the type can't hold is refused at the door. MLflow wraps it around or makes it"
    " infinite.",
)
NOT_FINITE = Difference(
    5, "NaN and infinities are no JSON and are refused at the door. Python's own reader takes them."
)
NULL = Difference(
    6,
    "Null for what is required is refused at the door. MLflow gives the model NaN, None or the text"
    " `None`.",
)
ZONES = Difference(
    7, "A date and time with a zone is taken and given to the model in UTC. MLflow refuses it."
)
EXACT = Difference(
    8,
    "Inside arrays and objects numbers are given to the model in the exact type of the signature."
    " MLflow's server refuses a float32 there, and an integer for a double.",
)
NULL_ANSWER = Difference(
    9, "NaN, NaT and infinities in an answer are null. MLflow's answer has words that are no JSON."
)
SERIES = Difference(
    10, "A series answers its values. MLflow's server answers objects with the series' name, or 0."
)
NO_JSON = Difference(
    11, "An answer for which MLflow's server has no JSON, such as a generator's, is answered."
)
ROWLESS = Difference(
    12,
    "An answer that has no row for each input is an error of the model: each caller would get a"
    " part of another's. MLflow passes it on.",
)
BARE = Difference(
    13,
    "MLflow's wrapper of torch takes one array and one output. Several are compared with the module"
    " itself.",
)
DATES = Difference(
    14, "Dates are the same moment; MLflow's server writes some with all nine decimals."
)
BYTES = Difference(
    15, "Bytes are base64 in one line. MLflow breaks the line and ends it with a new one."
)
SHAPES = Difference(
    16,
    "A tensor must have the shape and the dtype of the signature. Where MLflow checks less, the"
    " model got what it was not made for.",
)
BASE64 = Difference(
    17, "Text that is not base64 is refused. MLflow's reader drops foreign characters."
)
LEFT_OUT = Difference(
    18,
    "An optional column that is left out is there for the model, as null. MLflow's model does not"
    " see it, and may fail.",
)
STRINGS = Difference(
    19,
    "A column of strings reaches the model with the dtype `object`. MLflow's server makes it"
    " pandas' `str`.",
)
ISO = Difference(
    20, "A date is written in ISO 8601. MLflow's server takes what pandas can make a date of."
)
NUMBERED = Difference(
    21,
    "A torch model of named columns answers a list. MLflow's wrapper makes a frame of it, whose"
    " columns are `0`, `1` and so on.",
)
FLAG = Difference(
    22,
    "Null for an optional boolean reaches the model as None. MLflow's server makes it `False`.",
)
WHOLE = Difference(
    23,
    "An integer is taken for a float of a type hint: many languages write 3.0 as `3`. MLflow"
    " refuses it.",
)
DATES_INSIDE = Difference(
    24,
    "A date inside an object of a type hint is taken, as ISO 8601. MLflow's server has no JSON for"
    " one.",
)
NANOSECONDS = Difference(
    25,
    "An array of NumPy's dates is ISO 8601. MLflow's server writes those of nanoseconds as integers"
    " since 1970.",
)

ALL = sorted(
    (one for one in list(globals().values()) if isinstance(one, Difference)),
    key=lambda one: one.number,
)
