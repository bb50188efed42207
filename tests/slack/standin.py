"""A stand-in for Slack: its Web API, an incoming webhook, Socket Mode, and the people in it.

It checks what it is sent, by the limits in limits.py, and signs what it sends with Slack's own library. A test tells it
by /control what somebody does, and asks it what it saw.

    standin.py PORT SOCKET_PORT
"""

import json
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from slack_sdk.signature import SignatureVerifier
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

import limits

BOT_TOKEN, APP_TOKEN = "xoxb-the-bot-of-this-test", "xapp-the-app-of-this-test"
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TEAM = "T0001"
CHANNELS = {"C0OPS", "C0PAY", "C0LEADS"}
WEBHOOK = "/services/T0001/B0001/a-secret-path"
# As long as Slack waits.
PATIENCE = 3.0


class Workspace:
    """Everything that is known. Guarded by one lock, which is a condition as well: whoever waits is woken by a change."""

    def __init__(self, port, socket_port):
        self.base, self.socket_base = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{socket_port}"
        self.changed = threading.Condition()
        self.count = 0
        self.messages, self.answers, self.views, self.calls, self.objections = [], [], [], [], []
        self.usergroups, self.conduct, self.triggers, self.tickets = {}, {}, {}, set()
        self.uses, self.sockets, self.acks, self.last = {}, [], {}, None

    def next(self):
        self.count += 1
        return self.count

    def object_to(self, method, wrong):
        self.objections += [f"{method}: {error}" for error in wrong]
        return {"ok": False, "error": "invalid_arguments", "response_metadata": {"messages": wrong}}

    # What the bot calls.

    def call(self, method, token, kind, body):
        with self.changed:
            self.calls.append(method)
            expected = APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN
            if token != f"Bearer {expected}":
                return {"ok": False, "error": "invalid_auth" if token else "not_authed"}
            takes_json = method in ("chat.postMessage", "chat.update", "views.open")
            if takes_json != kind.startswith("application/json"):
                return self.object_to(method, [f"content type {kind!r}"])
            fields = json.loads(body) if takes_json else dict(urllib.parse.parse_qsl(body.decode()))
            handler = getattr(self, method.replace(".", "_"), None)
            return handler(fields) if handler else self.object_to(method, ["no such method"])

    def auth_test(self, _):
        return {"ok": True, "user": "tidegate", "team": "Example", "team_id": TEAM, "user_id": "U0BOT"}

    def apps_connections_open(self, _):
        ticket = f"ticket-{self.next()}"
        self.tickets.add(ticket)
        return {"ok": True, "url": f"{self.socket_base}/link/?ticket={ticket}"}

    def usergroups_users_list(self, fields):
        users = self.usergroups.get(fields.get("usergroup"))
        return {"ok": False, "error": "no_such_subteam"} if users is None else {"ok": True, "users": users}

    def chat_postMessage(self, fields):
        if fields.get("channel") not in CHANNELS:
            return {"ok": False, "error": "channel_not_found"}
        wrong = limits.message(fields)
        if "thread_ts" in fields and not self.find(fields["channel"], fields["thread_ts"]):
            wrong.append("thread_ts: no such message")
        if wrong:
            return self.object_to("chat.postMessage", wrong)
        posted = self.keep(fields["channel"], fields)
        return {"ok": True, "channel": posted["channel"], "ts": posted["ts"]}

    def chat_update(self, fields):
        known = self.find(fields.get("channel"), fields.get("ts"))
        if not known:
            return {"ok": False, "error": "message_not_found"}
        wrong = limits.message(fields)
        if wrong:
            return self.object_to("chat.update", wrong)
        known["versions"].append({"text": fields["text"], "blocks": fields.get("blocks", [])})
        self.changed.notify_all()
        return {"ok": True, "channel": known["channel"], "ts": known["ts"]}

    def views_open(self, fields):
        issued = self.triggers.pop(fields.get("trigger_id"), None)
        if issued is None or time.monotonic() - issued > PATIENCE:
            return {"ok": False, "error": "expired_trigger_id"}
        wrong = limits.view(fields.get("view", {}))
        if wrong:
            return self.object_to("views.open", wrong)
        self.views.append(fields["view"])
        self.changed.notify_all()
        return {"ok": True, "view": {"id": f"V{self.next()}"}}

    def find(self, channel, ts):
        return next((m for m in self.messages if (m["channel"], m["ts"]) == (channel, ts)), None)

    def keep(self, channel, fields):
        version = {"text": fields["text"], "blocks": fields.get("blocks", [])}
        posted = {
            "channel": channel,
            "ts": f"1795340000.{self.next():06}",
            "thread_ts": fields.get("thread_ts"),
            "broadcast": fields.get("reply_broadcast", False),
            "versions": [version],
        }
        self.messages.append(posted)
        self.changed.notify_all()
        return posted

    # Whoever answers a person.

    def webhook(self, fields):
        with self.changed:
            wrong = limits.message(fields)
            if wrong:
                self.object_to("webhook", wrong)
                return 400, "invalid_blocks"
            self.keep("webhook", fields)
            return 200, "ok"

    def answer(self, path, fields):
        with self.changed:
            self.uses[path] = self.uses.get(path, 0) + 1
            if self.uses[path] > 5:
                self.objections.append("response_url: used more than five times")
                return 404, "used_url"
            wrong = limits.message(fields)
            if fields.get("response_type") != "ephemeral" or fields.get("replace_original") is not False:
                wrong.append("it would be seen by everybody, or take the place of the message")
            if wrong:
                self.object_to("response_url", wrong)
            self.answers.append({"path": path, "text": fields.get("text", "")})
            self.changed.notify_all()
            return 200, "ok"

    # What people do.

    def who(self, did):
        return did.get("user", "U0ALICE"), did.get("team", TEAM)

    def response_url(self, did):
        # Nobody shares one, so an answer can be told from another.
        return did.get("response_url") or f"{self.base}/response/{did.get('name') or self.next()}"

    def trigger(self):
        trigger = f"trigger-{self.next()}"
        self.triggers[trigger] = time.monotonic()
        return trigger

    def command(self, did):
        user, team = self.who(did)
        fields = {
            "token": "legacy-token-ignore", "team_id": team, "team_domain": "example", "channel_id": "C0OPS",
            "channel_name": "ops", "user_id": user, "user_name": "somebody", "command": did["command"],
            "text": did.get("text", ""), "api_app_id": "A1", "is_enterprise_install": "false",
            "response_url": self.response_url(did), "trigger_id": self.trigger(),
        }
        return "slash_commands", fields, "/slack/commands", urllib.parse.urlencode(fields)

    def interaction(self, did, fields):
        user, team = self.who(did)
        payload = {
            "user": {"id": user, "username": "somebody", "team_id": did.get("user_team", team)}, "api_app_id": "A1",
            "token": "legacy-token-ignore", "trigger_id": self.trigger(), "team": {"id": team, "domain": "example"},
            "enterprise": None, "is_enterprise_install": False,
        } | fields
        body = urllib.parse.urlencode({"payload": json.dumps(payload)})
        return "interactive", payload, "/slack/interactions", body

    def press(self, did):
        """Whatever button of that name the newest version of the message has."""
        known = self.find(did["channel"], did["ts"])
        rows = [block for block in known["versions"][did.get("version", -1)]["blocks"] if block["type"] == "actions"]
        element = next(e for row in rows for e in row["elements"] if e["action_id"] == did["action"])
        action = {"type": "button", "action_id": did["action"], "block_id": rows[0].get("block_id", "b"),
                  "value": did.get("value", element["value"]), "text": element["text"], "action_ts": "1795340000.1"}
        return self.interaction(did, {
            "type": "block_actions", "actions": [action], "response_url": self.response_url(did),
            "container": {"type": "message", "message_ts": known["ts"], "channel_id": known["channel"]},
            "channel": {"id": known["channel"], "name": "ops"}, "message": known["versions"][-1],
            "state": {"values": {}},
        })

    def submit(self, did):
        """Fills in the dialog that was opened last: what is written, and what is chosen where something is."""
        view = self.views[-1]
        values = {}
        for question in (block for block in view["blocks"] if block["type"] == "input"):
            name, element = question["block_id"], question["element"]
            state = {"type": element["type"]}
            if element["type"] == "plain_text_input":
                state["value"] = did["reason"]
            else:
                chosen = did["chosen"].get(name)
                state["selected_option"] = chosen and {"text": {"type": "plain_text", "text": chosen}, "value": chosen}
            values[name] = {element["action_id"]: state}
        return self.interaction(did, {
            "type": "view_submission", "response_urls": [],
            "view": {"id": "V1", "type": "modal", "callback_id": view["callback_id"],
                     "private_metadata": view.get("private_metadata", ""), "state": {"values": values}},
        })

    def do(self, did):
        """By HTTP, signed by Slack's own library, or by Socket Mode; returns what came back."""
        with self.changed:
            kind, payload, path, body = getattr(self, did["what"])(did)
        if did.get("by") == "socket":
            return self.send_envelope(kind, payload, did)
        timestamp = str(int(time.time()) + did.get("late_by", 0))
        signer = SignatureVerifier(did.get("secret", SIGNING_SECRET))
        signature = signer.generate_signature(timestamp=timestamp, body=body)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Slack-Request-Timestamp": timestamp,
                   "X-Slack-Signature": signature, "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)"}
        self.last = (did["to"] + path, body, headers)
        if "tamper" in did:
            body = body.replace(*did["tamper"])
        for name in did.get("without", []):
            del headers[name]
        return self.post(did["to"] + path, body, headers)

    def again(self, _):
        """What was sent last, byte for byte."""
        return self.post(*self.last)

    def post(self, url, body, headers):
        request = urllib.request.Request(url, body.encode(), headers)
        started = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                status, said = response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            status, said = error.code, error.read().decode()
        if time.monotonic() - started > PATIENCE:
            with self.changed:
                self.objections.append(f"{url}: answered after more than {PATIENCE} s")
        return {"status": status, "body": said}

    # Socket Mode.

    def attend(self, connection):
        ticket = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(connection.request.path).query)).get("ticket")
        with self.changed:
            if ticket not in self.tickets:
                self.objections.append("socket: no such ticket, or one that was used")
                return
            self.tickets.discard(ticket)
            self.sockets.append(connection)
        connection.send(json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A1"}}))
        with self.changed:
            self.changed.notify_all()
        try:
            for text in connection:
                ack = json.loads(text)
                with self.changed:
                    self.acks[ack["envelope_id"]] = ack
                    self.changed.notify_all()
        except ConnectionClosed:
            pass
        with self.changed:
            self.sockets.remove(connection)
            self.changed.notify_all()

    def send_envelope(self, kind, payload, did):
        with self.changed:
            envelope = did.get("envelope") or f"envelope-{self.next()}"
            connection = self.sockets[-1]
        connection.send(json.dumps({"envelope_id": envelope, "type": kind, "payload": payload,
                                    "accepts_response_payload": True}))
        with self.changed:
            if not self.changed.wait_for(lambda: envelope in self.acks, PATIENCE):
                self.objections.append(f"socket: {kind} was not acknowledged within {PATIENCE} s")
                return {"status": 504, "body": ""}
            ack = self.acks.pop(envelope)
            return {"status": 200, "body": json.dumps(ack["payload"]) if "payload" in ack else ""}

    def end_socket(self, did):
        """As Slack does when it wants another connection, or without a word."""
        with self.changed:
            connections = list(self.sockets)
        for connection in connections:
            if "reason" in did:
                connection.send(json.dumps({"type": "disconnect", "reason": did["reason"]}))
            else:
                connection.socket.close()
        return {}

    def say_nonsense(self, did):
        with self.changed:
            connection = self.sockets[-1]
        connection.send(did["text"])
        return {}

    # The test's own.

    def set(self, did):
        with self.changed:
            self.usergroups.update(did.get("usergroups", {}))
            self.conduct = did.get("conduct", self.conduct)
        return {}

    def state(self):
        with self.changed:
            return {"messages": self.messages, "answers": self.answers, "views": self.views, "calls": self.calls,
                    "objections": self.objections, "sockets": len(self.sockets)}


def handler(workspace):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def reply(self, status, text, headers=()):
            body = text.encode()
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.reply(200, json.dumps(workspace.state()))

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path.startswith("/control/"):
                did = json.loads(body or b"{}")
                self.reply(200, json.dumps(getattr(workspace, self.path.removeprefix("/control/"))(did)))
                return
            name = self.path.removeprefix("/api/")
            conduct = workspace.conduct.get(name) or workspace.conduct.get("*")
            if conduct and "status" in conduct:
                self.reply(conduct["status"], "", [("Retry-After", str(conduct.get("retry_after", 1)))])
            elif conduct:
                self.reply(200, json.dumps({"ok": False, "error": conduct["error"]}))
            elif self.path.startswith("/api/"):
                kind = self.headers.get("Content-Type", "")
                answer = workspace.call(name, self.headers.get("Authorization"), kind, body)
                self.reply(200, json.dumps(answer))
            elif self.path == WEBHOOK:
                self.reply(*workspace.webhook(json.loads(body)))
            elif self.path.startswith("/response/"):
                self.reply(*workspace.answer(self.path.removeprefix("/response/"), json.loads(body)))
            else:
                self.reply(404, "no_service")

    return Handler


def main():
    port, socket_port = int(sys.argv[1]), int(sys.argv[2])
    workspace = Workspace(port, socket_port)
    sockets = serve(workspace.attend, "127.0.0.1", socket_port)
    threading.Thread(target=sockets.serve_forever, daemon=True).start()
    server = ThreadingHTTPServer(("127.0.0.1", port), handler(workspace))
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
