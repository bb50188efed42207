"""What Slack's documentation says a message and a dialog may hold. Each check returns what is wrong, or nothing."""

TYPES = {"section", "context", "actions", "input", "header", "divider"}


def text_of(place, value, most, kinds=("plain_text", "mrkdwn")):
    if not isinstance(value, dict) or value.get("type") not in kinds:
        return [f"{place}: not a text object of {kinds}"]
    text = value.get("text")
    if not isinstance(text, str) or not 1 <= len(text) <= most:
        return [f"{place}: a text of 1 to {most} characters is needed, not {text!r:.80}"]
    return []


def plain(place, value, most):
    return text_of(place, value, most, ("plain_text",))


def identifier(place, value):
    return [] if isinstance(value, str) and 1 <= len(value) <= 255 else [f"{place}: 1 to 255 characters are needed"]


def button(place, value):
    wrong = plain(f"{place}.text", value.get("text"), 75) + identifier(f"{place}.action_id", value.get("action_id"))
    if len(value.get("value", "")) > 2000:
        wrong.append(f"{place}.value: at most 2000 characters")
    if value.get("style", "primary") not in ("primary", "danger"):
        wrong.append(f"{place}.style: {value['style']!r}")
    if "confirm" in value:
        confirm = value["confirm"]
        for key, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
            wrong += plain(f"{place}.confirm.{key}", confirm.get(key), most)
    return wrong


def select(place, value):
    wrong = identifier(f"{place}.action_id", value.get("action_id"))
    options = value.get("options")
    if not isinstance(options, list) or not 1 <= len(options) <= 100:
        return wrong + [f"{place}.options: 1 to 100 are needed"]
    for number, option in enumerate(options):
        wrong += plain(f"{place}.options[{number}].text", option.get("text"), 75)
        if not 1 <= len(option.get("value", "")) <= 150:
            wrong.append(f"{place}.options[{number}].value: 1 to 150 characters are needed")
    if "initial_option" in value and value["initial_option"] not in options:
        wrong.append(f"{place}.initial_option: none of the options")
    return wrong


def question(place, value):
    wrong = plain(f"{place}.label", value.get("label"), 2000)
    if "hint" in value:
        wrong += plain(f"{place}.hint", value["hint"], 2000)
    element = value.get("element", {})
    if element.get("type") == "static_select":
        return wrong + select(f"{place}.element", element)
    if element.get("type") != "plain_text_input":
        return wrong + [f"{place}.element: only plain_text_input and static_select are known here"]
    most, least = element.get("max_length", 3000), element.get("min_length", 0)
    if not 1 <= most <= 3000 or not 0 <= least <= most:
        wrong.append(f"{place}.element: lengths {least} to {most}")
    return wrong + identifier(f"{place}.element.action_id", element.get("action_id"))


def block(place, value):
    kind = value.get("type")
    if kind not in TYPES:
        return [f"{place}: no block is called {kind!r}"]
    wrong = identifier(f"{place}.block_id", value["block_id"]) if "block_id" in value else []
    if kind == "section":
        wrong += text_of(f"{place}.text", value.get("text"), 3000)
    elif kind == "header":
        wrong += plain(f"{place}.text", value.get("text"), 150)
    elif kind == "input":
        wrong += question(place, value)
    elif kind in ("context", "actions"):
        elements = value.get("elements")
        most = 10 if kind == "context" else 25
        if not isinstance(elements, list) or not 1 <= len(elements) <= most:
            return wrong + [f"{place}.elements: 1 to {most} are needed"]
        for number, element in enumerate(elements):
            inner = f"{place}.elements[{number}]"
            wrong += text_of(inner, element, 3000) if kind == "context" else button(inner, element)
        actions = [element.get("action_id") for element in elements if kind == "actions"]
        if len(set(actions)) != len(actions):
            wrong.append(f"{place}: two elements have one action_id")
    return wrong


def blocks(value, most):
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        return [f"blocks: 1 to {most} are needed"]
    wrong = [error for number, entry in enumerate(value) for error in block(f"blocks[{number}]", entry)]
    names = [entry["block_id"] for entry in value if "block_id" in entry]
    if len(set(names)) != len(names):
        wrong.append("blocks: two have one block_id")
    return wrong


def message(value):
    text = value.get("text")
    # Without it, notifications and screen readers have nothing to say.
    wrong = [] if isinstance(text, str) and 1 <= len(text) <= 4000 else ["text: 1 to 4000 characters are needed"]
    if "reply_broadcast" in value and "thread_ts" not in value:
        wrong.append("reply_broadcast: only in a thread")
    return wrong + (blocks(value["blocks"], 50) if "blocks" in value else [])


def view(value):
    if value.get("type") != "modal":
        return ["type: not modal"]
    wrong = identifier("callback_id", value.get("callback_id")) + blocks(value.get("blocks"), 100)
    for key in ("title", "submit", "close"):
        wrong += plain(key, value.get(key), 24)
    if len(value.get("private_metadata", "")) > 3000:
        wrong.append("private_metadata: at most 3000 characters")
    return wrong
