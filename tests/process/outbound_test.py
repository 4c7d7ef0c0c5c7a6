"""A phone that is connected to sip-proxy by TLS is called over its connection (RFC 5626): Path at REGISTER, flow tokens in Record-Route, so that the
dialog's requests find it too; when the connection ends, so does its binding. The phone listens nowhere."""
import harness
from agent import Agent, authenticated, expect
from harness import Failed, Site, eventually


def header(message, name):
    return next(line.split(":", 1)[1].strip() for line in message.split("\r\n") if line.lower().startswith(name.lower() + ":"))


def routes_of(message):
    values = [value.strip() for line in message.split("\r\n") if line.lower().startswith("record-route:") for value in line.split(":", 1)[1].split(",")]
    return values


def answer(phone, request, status, contact):
    lines = [line for line in request.split("\r\n") if line.split(":")[0] in ("Via", "From", "Call-ID", "CSeq", "Record-Route")]
    to = header(request, "To")
    lines += [f"To: {to}" if "tag=" in to else f"To: {to};tag=bob", f"Contact: <{contact}>", "Content-Length: 0"]
    phone.socket.sendall(("\r\n".join([f"SIP/2.0 {status} Whatever"] + lines) + "\r\n\r\n").encode())


def expect_request(phone, method):
    request = phone.receive()
    if not request.startswith(method + " "):
        raise Failed(f"expected {method}, got {request}")
    return request


def call(site, caller, phone, call_id, hang_up):
    """`hang_up`: who ends the call."""
    contact = f"sip:bob@{phone.local}"
    caller.send("INVITE", "sip:bob@example.org", call_id, 1)
    invite = expect_request(phone, "INVITE")
    answer(phone, invite, 200, contact)
    code, response = caller.final("CSeq: 1 INVITE")
    expect("INVITE", code, (200,))
    set_of_caller = "".join(f"Route: {value}\r\n" for value in reversed(routes_of(response)))
    caller.send("ACK", contact, call_id, 1, to_tag="bob", headers=set_of_caller, to="sip:bob@example.org")
    expect_request(phone, "ACK")
    if hang_up == "caller":
        caller.send("BYE", contact, call_id, 2, to_tag="bob", headers=set_of_caller, to="sip:bob@example.org")
        answer(phone, expect_request(phone, "BYE"), 200, contact)
        expect("BYE", caller.final("CSeq: 2 BYE")[0], (200,))
        return
    routes = "".join(f"Route: {value}\r\n" for value in routes_of(invite))
    phone.socket.sendall((f"BYE {header(invite, 'Contact').strip('<>')} SIP/2.0\r\nVia: SIP/2.0/TLS {phone.local};branch=z9hG4bKbye{call_id}\r\nMax-Forwards: 70\r\n{routes}"
                          f"From: {header(invite, 'To')};tag=bob\r\nTo: {header(invite, 'From')}\r\nCall-ID: {call_id}\r\nCSeq: 9 BYE\r\nContent-Length: 0\r\n\r\n").encode())
    bye = expect_request(caller, "BYE")
    answer(caller, bye, 200, f"sip:nobody@{caller.local}")
    expect("BYE of the phone", phone.final("CSeq: 9 BYE")[0], (200,))


def test_called_over_its_connection():
    with Site(daemons=()) as site:
        site.make_certificates(name="proxy", last=20)
        ip = site.ip(20)
        site.overrides["sip_proxy"] = {"listen": [f"udp:{ip}:5060", f"tls:{ip}:5061"], "authenticate": "none", "tls-certificate": site.path("proxy.pem"),
                                       "tls-key": site.path("proxy.key")}
        for name in ("sip-registrar", "sip-proxy"):
            site.start(name)
        site.add_user("bob")
        phone = Agent(site, 60, "tls", (ip, 5061))
        code, response = authenticated(phone, "REGISTER", "sip:example.org", "register", "bob", "bob-secret", to="sip:bob@example.org",
                                       headers="Supported: path, outbound\r\n")
        expect("REGISTER over TLS", code, (200,))
        if "@" + ip not in header(response, "Path") or ";ob" not in header(response, "Path"):
            raise Failed(f"no Path of the proxy with a flow token: {response}")
        caller = Agent(site, 61)
        call(site, caller, phone, "one", "caller")
        call(site, caller, phone, "two", "phone")
        phone.socket.close()
        eventually(lambda: not site.ask("sip-registrar", "contacts"), "the binding goes with the connection")
        expect("a call to nobody", caller.transact("INVITE", "sip:bob@example.org", "three", 1)[0], (480,))


if __name__ == "__main__":
    harness.main(test_called_over_its_connection)
