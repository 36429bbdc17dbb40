"""Bodies that a hostile client sends to a gateway of the fault model.

They are grouped by the status that answers them, and have names.
"""

import gzip
import json

from tests.integration.hostile_calls import GOOD


def features(text: str) -> bytes:
    """A body with features as they are written here."""
    return b'{"features":{"do":"answer",%s}}' % text.encode("utf-8", "surrogatepass")


def _nested(opening: str, closing: str, times: int) -> bytes:
    return (opening * times + "1" + closing * times).encode()


# What is said in a body, sent to both calls; the answer is a problem.
BODIES = {
    400: {
        "nothing": b"",
        "blanks": b" \r\n\t " * 100,
        "NUL alone": b"\x00",
        "NUL after the end": GOOD + b"\x00",
        "NUL in a string": features('"note":"a\x00b"'),
        "a byte order mark": b"\xef\xbb\xbf" + GOOD,
        "UTF-16": GOOD.decode().encode("utf-16"),
        "UTF-32": GOOD.decode().encode("utf-32"),
        "overlong UTF-8": b'{"features":{"do":"\xc0\xaf"}}',
        "an overlong NUL": b'{"features":{"do":"\xc0\x80"}}',
        "a raw surrogate": features('"note":"\ud800"'),
        "a lone high surrogate": features(r'"note":"\ud83d"'),
        "a lone low surrogate": features(r'"note":"\udc00 x"'),
        "surrogates the wrong way round": features(r'"note":"\udc00\ud83d"'),
        "UTF-8 beyond Unicode": b'{"features":{"do":"\xf5\x80\x80\x80"}}',
        "half a character at the end": b'{"features":{"do":"\xe2\x82',
        "gzip": gzip.compress(GOOD),
        "a form": b"features=1&do=answer",
        "XML that expands": b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>',
        "a pickle": b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00"
            b"\x8c\x02os\x94\x8c\x06system\x94\x93\x94.",
        "YAML": b"features: !!python/object/apply:os.system [id]",
        "two documents": GOOD + GOOD,
        "a line of JSON each": GOOD + b"\n" + GOOD,
        "a comment": b"/* */" + GOOD,
        "a comma too many": b'{"features":{"do":"answer",}}',
        "single quotes": b"{'features':{'do':'answer'}}",
        "no quotes": b"{features:{do:answer}}",
        "a number with a leading zero": features('"value":007'),
        "a hexadecimal number": features('"value":0x1F'),
        "a plus sign": features('"value":+1'),
        "no digits after the point": features('"seconds":1.'),
        "undefined": features('"value":undefined'),
        "True": features('"value":True'),
        "JSON with a prefix": b")]}',\n" + GOOD,
        "an escape that is none": features(r'"note":"\x41"'),
        "a line break in a string": features('"note":"a\nb"'),
        "an open string of 100 kB": b'{"features":{"do":"' + b"a" * 100_000,
        "a number of 5000 digits": features(f'"value":{"9" * 5000}'),
        "a lone surrogate as a field": b'{"\\ud800":1,"features":{"do":"answer"}}',
        "a lone surrogate as a model": b'{"model":"\\ud800","features":{"do":"answer"}}',
        "a lone surrogate as a feature": features(r'"\udfff":1'),
    },
    422: {
        "a string": b'"features"',
        "a number": b"1",
        "true": b"true",
        "a list of requests": b"[" + GOOD + b"]",
        "a list of pairs": b'[["features",{"do":"answer"}]]',
        "no features": b'{"model":"fault"}',
        "features null": b'{"features":null}',
        "features a list": b'{"features":["answer"]}',
        "features a string of JSON": b'{"features":"{\\"do\\":\\"answer\\"}"}',
        "features missing a field": b'{"features":{"value":1}}',
        "a field null": b'{"features":{"do":null}}',
        "a field a number": b'{"features":{"do":1}}',
        "a field true": b'{"features":{"do":true}}',
        "a field a list": b'{"features":{"do":["answer"]}}',
        "a field an object": b'{"features":{"do":{"$ne":null}}}',
        "an integer a string": features('"value":"1"'),
        "an integer with a fraction": features('"value":1.5'),
        "an integer with a negative exponent": features('"value":1e-3'),
        "an integer of 65 bits": features(f'"value":{2**64}'),
        "an integer of 300 digits": features(f'"value":{"9" * 300}'),
        "a number of 1e308 and more": features('"seconds":1e400'),
        "a number below -1e308": features('"seconds":-1e400'),
        "a number with an exponent of 20 digits": features('"seconds":1e99999999999999999999'),
        "a number a boolean": features('"seconds":false'),
        "NaN": features('"seconds":NaN'),
        "infinity": features('"seconds":-Infinity'),
        "NaN beside a number of 400 digits": features(f'"seconds":NaN,"value":{"9" * 400}'),
        "a float of 400 digits beside NaN": features(f'"seconds":{"9" * 400},"value":NaN'),
        "a match_id of 400 digits beside NaN":
            b'{"features":{"do":"x","seconds":NaN},"match_id":%s}' % (b"9" * 400),
        "a time to start of 400 digits beside NaN":
            b'{"features":{"do":"x","seconds":NaN},"time_to_start_s":%s}' % (b"9" * 400),
        "a priority of 400 digits beside NaN":
            b'{"features":{"do":"x","seconds":NaN},"priority":%s}' % (b"9" * 400),
        "features twice, the second wrong": b'{"features":{"do":"answer"},"features":1}',
        "a feature twice, the second wrong": features('"value":1,"value":"1"'),
        "a feature nobody knows": features('"__proto__":{"admin":true}'),
        "a constructor": features('"constructor":{"prototype":{}}'),
        "an empty name": features('"":1'),
        "a name with a zero-width space": b'{"features":{"do\\u200b":"answer"}}',
        "a name turned right to left": b'{"features":{"\\u202edo":"answer"}}',
        "a name of 100 kB": b'{"features":{"do":"x"},"%s":1}' % (b"n" * 100_000),
        "a name in full width": '{"features":{"ｄｏ":"answer"}}'.encode(),
        "a name with a NUL": b'{"features":{"do\\u0000":"answer"}}',
        "10,000 fields": json.dumps({f"f{i}": i for i in range(10_000)}).encode(),
        "10,000 features": json.dumps({"features": {f"f{i}": i for i in range(10_000)}}).encode(),
        "lists too deep": b'{"features":{"do":%s}}' % _nested("[", "]", 200),
        "objects too deep": _nested('{"features":', "}", 200),
        "100,000 lists, not closed": b"[" * 100_000,
        "a model not served": b'{"model":"other","features":{"do":"x"}}',
        "a model's path": b'{"model":"../fault","features":{"do":"x"}}',
        "a model's URI": b'{"model":"models:/fault@production","features":{"do":"x"}}',
        "a model with a NUL": b'{"model":"fault\\u0000","features":{"do":"x"}}',
        "a model in capitals": b'{"model":"FAULT","features":{"do":"x"}}',
        "a model of 1 MB": b'{"model":"%s"}' % (b"m" * 1_000_000),
        "a model a list": b'{"model":["fault"],"features":{"do":"x"}}',
        "match_id a float": b'{"match_id":1.5,"features":{"do":"x"}}',
        "match_id an object": b'{"match_id":{},"features":{"do":"x"}}',
        "match_id of 64 bits without a sign":
            b'{"match_id":18446744073709551615,"features":{"do":"x"}}',
        "match_id alone, where no match is known": b'{"match_id":1}',
        "priority minus zero point": b'{"priority":-0.0,"features":{"do":"x"}}',
        "priority a string": b'{"priority":"9","features":{"do":"x"}}',
        "time_to_start_s NaN": b'{"time_to_start_s":NaN,"features":{"do":"x"}}',
        "time_to_start_s infinite": b'{"time_to_start_s":1e999,"features":{"do":"x"}}',
        "time_to_start_s below zero": b'{"time_to_start_s":-1,"features":{"do":"x"}}',
        "task_id of the caller's":
            b'{"task_id":"fault-00000000000000000000000000000000","features":{"do":"x"}}',
    },
}  # fmt: skip
