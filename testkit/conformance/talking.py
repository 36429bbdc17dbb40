"""The chat models and agents that are compared. Each answers the last message, turned around."""

from typing import Any

from mlflow.pyfunc.model import ChatAgent, ChatModel
from mlflow.pyfunc.model import ResponsesAgent as Responses
from mlflow.types.agent import ChatAgentMessage, ChatAgentResponse, ChatContext
from mlflow.types.llm import ChatChoice, ChatCompletionResponse, ChatMessage, ChatParams
from mlflow.types.responses import ResponsesAgentRequest, ResponsesAgentResponse


class Chat(ChatModel):
    def predict(  # type: ignore[override]
        self, context: Any, messages: list[ChatMessage], params: ChatParams
    ) -> ChatCompletionResponse:
        del context
        text = f"{str(messages[-1].content)[::-1]} {params.temperature} {params.max_tokens}"
        return ChatCompletionResponse(
            choices=[ChatChoice(message=ChatMessage(role="assistant", content=text))],
            model="chat",
            created=0,
        )


class Agent(ChatAgent):
    def predict(  # type: ignore[override]
        self,
        messages: list[ChatAgentMessage],
        context: ChatContext | None = None,
        custom_inputs: dict[str, Any] | None = None,
    ) -> ChatAgentResponse:
        del custom_inputs
        text = f"{str(messages[-1].content)[::-1]} {context.user_id if context else None}"
        return ChatAgentResponse(
            messages=[ChatAgentMessage(role="assistant", content=text, id="1")]
        )


class Responder(Responses):
    def predict(  # type: ignore[override]
        self, request: ResponsesAgentRequest
    ) -> ResponsesAgentResponse:
        text = str(getattr(request.input[-1], "content", ""))[::-1]
        return ResponsesAgentResponse(
            output=[self.create_text_output_item(text=text, id="1")], user=request.user
        )
