"""Sorts tickets with predictors of DSPy, whose language model is a tool of the host."""

from __future__ import annotations

from typing import Any, NoReturn, TypedDict

import dspy
from dspy import lm15
from snakeden import Adapter, HostToolError, current_call, tool

NO_ACTION = "none"


class Sorted(TypedDict):
    """A ticket that was sorted."""

    team: str
    action: str
    outcome: str
    """`done`, `none`, or the code of the error with which the host refused the action."""
    earlier: int
    """The number of tickets that the predictor had seen before."""


class Built(TypedDict):
    """A predictor that was built."""

    teams: list[str]
    demos: int


class History(TypedDict):
    """The tickets that a predictor has seen, and the number of its requests to the model."""

    tickets: list[str]
    requests: int


class HostModel:
    """An engine of DSPy that sends each request to the host tool `language_model`.

    DSPy repeats requests for which it raises RateLimitError, and records each answer in the
    history of the predictor that has asked.
    """

    def complete(self, request: lm15.Request) -> lm15.Response:
        """Ask the model once."""
        try:
            answer = current_call().tools.language_model(
                model=request.model,
                system=str(request.system or ""),
                messages=[
                    {"role": message.role, "text": "".join(part.text for part in message.parts)}
                    for message in request.messages
                ],
                temperature=request.config.temperature,
            )
        except HostToolError as error:
            _raise_as_dspy(error)
        return lm15.Response(
            id=None,
            model=request.model,
            message=lm15.Message.assistant(answer["text"]),
            finish_reason="stop",
            usage=lm15.Usage(),
        )


def _raise_as_dspy(error: HostToolError) -> NoReturn:
    """Raise an error of the host as one of DSPy, with its code, so that DSPy knows when to wait."""
    if error.code == "server_busy":
        wait_ms = error.details.get("retryAfterMs", 1_000)
        raise lm15.RateLimitError(
            str(error), provider_code=error.code, retry_after=wait_ms / 1_000
        ) from error
    # Not repeated: the host has its reasons, such as the deadline of the call.
    raise lm15.ProviderError(str(error), provider_code=error.code) from error


class Triage(Adapter):
    """Tools that sort the tickets of a session."""

    def setup(self) -> None:
        """Set DSPy up: without its caches, and with one request for each prediction."""
        dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
        # Else an answer that cannot be read is asked for again, as JSON.
        self.adapter = dspy.ChatAdapter(use_json_adapter_fallback=False)

    @tool
    def build(self) -> Built:
        """Build the predictor of the session from the recipe in its variables."""
        session = current_call().session
        recipe = session.variables.get_many(["signature", "demos", "settings"])
        signature, settings = recipe["signature"], recipe["settings"]
        predictor = dspy.Predict(
            dspy.Signature(signature["fields"], signature["instructions"]),
            temperature=settings["temperature"],
        )
        predictor.demos = [dspy.Example(**demo) for demo in recipe["demos"]]
        predictor.set_lm(
            dspy.LM(
                settings["model"],
                engine=HostModel(),
                cache=False,
                num_retries=settings["retries"],
            )
        )
        session.local.update(predictor=predictor, tickets=[])
        return {"teams": _teams(predictor), "demos": len(predictor.demos)}

    @tool
    def triage(self, ticket: str) -> Sorted:
        """Sort a ticket, and do what the model asks for."""
        local = _local()
        earlier = local["tickets"]
        answer = self._predict(local["predictor"], ticket, earlier=earlier)
        outcome = _act(answer.action, ticket)
        # After the answer, so that a call that fails leaves nothing behind.
        earlier.append({"ticket": ticket, "team": answer.team, "action": answer.action})
        return {
            "team": answer.team,
            "action": answer.action,
            "outcome": outcome,
            "earlier": len(earlier) - 1,
        }

    @tool
    def evaluate(self, tickets: list[str], teams: list[str]) -> float:
        """Sort tickets whose teams are known, each as if it were the first one, and keep the
        accuracy as a variable of the session.
        """
        predictor = _local()["predictor"].deepcopy()
        predicted = [self._predict(predictor, ticket, earlier=[]).team for ticket in tickets]
        score = current_call().tools.score(
            predicted=predicted, expected=teams, classes=_teams(predictor)
        )
        current_call().session.variables["accuracy"] = score["accuracy"]
        return score["accuracy"]

    @tool(idempotent=True)
    def history(self) -> History:
        """Return what the predictor of the session has seen."""
        local = _local()
        return {
            "tickets": [it["ticket"] for it in local["tickets"]],
            "requests": len(local["predictor"].history),
        }

    def _predict(
        self, predictor: dspy.Predict, ticket: str, *, earlier: list[dict[str, str]]
    ) -> dspy.Prediction:
        with dspy.context(adapter=self.adapter):
            return predictor(
                ticket=ticket, actions=_actions(), history=dspy.History(messages=earlier)
            )


def _local() -> dict[str, Any]:
    """Return the objects of the session; its predictor must be among them."""
    local = current_call().session.local
    if "predictor" not in local:
        raise LookupError("the session has no predictor in this worker: call build first")
    return local


def _teams(predictor: dspy.Predict) -> list[str]:
    """Return the teams, which are the values of a Literal."""
    return list(predictor.signature.output_fields["team"].annotation.__args__)


def _actions() -> list[str]:
    """Return the tools of the host that the model may ask for."""
    tools = current_call().tools
    return [name for name in tools.names() if tools.describe(name).metadata.get("action")]


def _act(action: str, ticket: str) -> str:
    """Call the tool that the model asks for. It may ask for any: the host decides."""
    if action == NO_ACTION:
        return "none"
    try:
        current_call().tools.call(action, ticket=ticket)
    except HostToolError as error:
        return error.code
    return "done"
