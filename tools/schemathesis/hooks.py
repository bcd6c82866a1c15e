"""Checks of our own beside Schemathesis', and how many cases were sent."""

import atexit
import os

import schemathesis

# Refusals that say that the request does not look as the document describes it.
FOR_ITS_LOOK = {
    "malformed-json",
    "invalid-parameter",
    "reserved-parameter",
    "idempotency-key-missing",
    "unsupported-media-type",
    "invalid-field",
    "unknown-field",
    "precondition-required",
    "quantity-out-of-range",
    "amount-out-of-range",
}

# Rules that no schema can tell, by words of their detail.
UNTOLD = (
    # Texts that consist of white space alone.
    "takes 1 to",
    "a reason has 1 to",
    # How long a trial may take, as a number with a unit.
    "is a duration between",
    # One of two fields, and not both.
    "either",
    "without control characters",
    # What staff have to give when it is somebody else's.
    "reason says why somebody else's",
    # Card numbers in the clothes of tokens.
    "as long as a card's",
    # An action's fields are those of its variant; the generator of schemas does not carry that over.
    "expected `reason`",
    "expected `cause` or `reason`",
    "expected `dispute_id` or `reason`",
    # Which permissions there are.
    "there is no permission",
    # JSON Schema takes 3767.0 for an integer; here integers are written as integers.
    "invalid type: floating point",
    # Names made of a word and an id.
    "is no cause of a refund",
    # How many pieces there can be depends on the kind of the movement.
    "pieces cannot be received or adjusted",
    # A host that cannot be.
    "no mail gets to",
)

sent = 0


def problem(response):
    """The problem's name and detail, where the answer is one."""
    kind = response.headers.get("content-type") or [""]
    kind = kind[0] if isinstance(kind, list) else kind
    if not kind.startswith("application/problem+json"):
        return None, ""
    body = response.json()
    return body["type"].rsplit("/", 1)[-1], body.get("detail", "")


@schemathesis.hook
def after_call(context, case, response):
    global sent
    sent += 1


@schemathesis.check
def refused_for_its_look(ctx, response, case):
    """What follows from the document is not refused for looking otherwise."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    name, detail = problem(response)
    if name in FOR_ITS_LOOK and not any(words in detail for words in UNTOLD):
        raise AssertionError(f"{name}: {detail}: the document describes this request")


@schemathesis.check
def refusals_are_problems(ctx, response, case):
    """Every refusal is a problem, and every answer can be found in the logs."""
    name, _ = problem(response)
    if response.status_code >= 400 and name is None:
        raise AssertionError(f"{response.status_code} is not answered with application/problem+json")
    if "x-request-id" not in response.headers:
        raise AssertionError("the answer has no X-Request-Id")


@atexit.register
def tell():
    path = os.environ.get("CASES_FILE")
    if path:
        with open(path, "w", encoding="utf-8") as file:
            file.write(str(sent))
