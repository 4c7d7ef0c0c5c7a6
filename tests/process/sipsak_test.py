"""sipsak: OPTIONS to the proxy, the registrar and the bridge, REGISTER with digest by way of the proxy, and removal (issue 2, line 3)."""
import harness
from harness import Failed, Site, eventually, run


def sipsak(*arguments):
    # It wants to know what this machine is called, which not every machine knows.
    return run("sipsak", "-H", "127.0.0.1", *arguments, check=False)


def register(site, *, expires, password, contact, transport):
    # -p goes before -s: sipsak resolves what stands before the outbound proxy. Its own idea of the user name is "alice@".
    return sipsak("-p", f"{site.ip(20)}:5060", "-E", transport, "-U", "-C", contact, "-s", "sip:alice@example.org", "-u", "alice", "-a", password,
                  "-x", expires, "-v")


def bound(site):
    return [row["contact"] for row in site.ask("sip-registrar", "contacts") or []]


def expect_exit(what, done, code):
    if done.returncode != code:
        raise Failed(f"{what}: expected exit {code}, got {done.returncode}\n{done.stdout}{done.stderr}")
    print(f"     {what}: exit {code}", flush=True)


def test_options():
    with Site() as site:
        for name, last, port in (("sip-proxy", 20, 5060), ("sip-registrar", 30, 5070), ("conf-bridge", 40, 5080)):
            for transport in ("udp", "tcp"):
                expect_exit(f"OPTIONS to {name} over {transport}", sipsak("-E", transport, "-s", f"sip:{site.ip(last)}:{port}"), 0)
        # Nobody there: the 0 above is an answer's, not sipsak's habit.
        expect_exit("OPTIONS to nobody over tcp", sipsak("-E", "tcp", "-s", f"sip:{site.ip(99)}:5060"), 2)


def test_register():
    with Site(sip_registrar={"durability": "strict"}) as site:
        site.add_user("alice", "right")
        for transport in ("udp", "tcp"):
            contact = f"sip:alice@{site.ip(60)}:5555"
            expect_exit(f"REGISTER over {transport}", register(site, expires="600", password="right", contact=contact, transport=transport), 0)
            if bound(site) != [contact]:
                raise Failed(f"expected one binding {contact}, got {bound(site)}")
            expect_exit("REGISTER with a wrong password", register(site, expires="0", password="wrong", contact=contact, transport=transport), 1)
            if bound(site) != [contact]:
                raise Failed(f"a wrong password changed the bindings to {bound(site)}")
            expect_exit("removal", register(site, expires="0", password="right", contact=contact, transport=transport), 0)
            eventually(lambda: not bound(site), f"no binding left after removal over {transport}")


if __name__ == "__main__":
    harness.main(test_options, test_register)
