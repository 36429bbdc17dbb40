"""MLflow's chat models and agents: one request is one input, and its answer is no list."""

from collections.abc import Callable
from typing import Any

from testkit.conformance.cases import Case, Input, unwrapped
from testkit.conformance.inputs import LONG, UNICODE


def _log(kind: str) -> Callable[[str], None]:
    def make(name: str) -> None:
        import mlflow.pyfunc

        from testkit.conformance import talking

        mlflow.pyfunc.log_model(
            name=name,
            python_model=getattr(talking, kind)(),
            registered_model_name=name,
            pip_requirements=[],
        )

    return make


HELLO = [{"role": "user", "content": "hello"}]


def _of(key: str, more: dict[str, Any]) -> list[Input]:
    first = {"role": "system", "content": "be brief"}
    values: list[tuple[str, Any]] = [
        ("ordinary", {key: HELLO}),
        ("two messages", {key: [first, *HELLO]}),
        ("unicode", {key: [{"role": "user", "content": UNICODE}]}),
        ("a long text", {key: [{"role": "user", "content": LONG}]}),
        ("with what is optional", {key: HELLO} | more),
        ("no messages", {key: []}),
        ("a message without a role", {key: [{"content": "hello"}]}),
        ("a text for messages", {key: "hello"}),
        ("it is missing", more),
    ]
    return [Input(label, value) for label, value in values]


CHAT = {"temperature": 0.5, "max_tokens": 20, "stop": ["."]}
AGENT = {"context": {"conversation_id": "1", "user_id": "ann"}}
CASES = [
    Case("chat-model", "pyfunc", "ChatModel", _log("Chat"), _of("messages", CHAT), unwrapped),
    Case("chat-agent", "pyfunc", "ChatAgent", _log("Agent"), _of("messages", AGENT), unwrapped),
    Case(
        "responses-agent",
        "pyfunc",
        "ResponsesAgent",
        _log("Responder"),
        _of("input", {"temperature": 0.5, "user": "ann"}),
        unwrapped,
    ),
]
