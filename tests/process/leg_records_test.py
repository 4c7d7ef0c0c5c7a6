"""conf-bridge's call records: one line for each answered call, with its accounting code and without its codes; a kill loses none, nor where its caller was, and
writes none twice."""
import datetime
import json

from agent import Agent, description, expect
from harness import Failed, Site, eventually, main


def call(site, agent, name, headers=""):
    code, answer = agent.transact("INVITE", f"sip:1234@{site.ip(40)}:5080", name, 1, user=name, headers=headers, body=description(site))
    expect("INVITE", code, (200,))
    tag = answer.split("\r\nTo:", 1)[1].split("\r\n", 1)[0].split("tag=", 1)[1]
    agent.send("ACK", f"sip:1234@{site.ip(40)}:5080", name, 1, to_tag=tag)
    return tag


def records(site, count):
    path = site.path("legs.ndjson")
    eventually(lambda: len(path.read_text().splitlines()) == count, f"{count} records")
    return {record["call_id"]: record for record in map(json.loads, path.read_text().splitlines())}


def a_leg_has_one_record():
    with Site(("conf-locate", "conf-bridge"), conf_bridge={"call-log": "legs.ndjson"}) as site:
        site.add_conference("1234", "5678")
        agent = Agent(site, 60, to=(site.ip(40), 5080))
        passcode = "X-Passcode: 5678\r\n"
        tag = call(site, agent, "anna", passcode + "X-Phone-PAC: P-77\r\nX-Attendee-ID: web-9\r\n")
        call(site, agent, "berta", passcode)
        expect("a wrong passcode", agent.transact("INVITE", f"sip:1234@{site.ip(40)}:5080", "carol", 1, headers="X-Passcode: 1\r\n", body=description(site))[0], (403,))
        eventually(lambda: len(site.ask("conf-bridge", "members", conference="1234")) == 2, "two members")
        expect("BYE", agent.transact("BYE", f"sip:1234@{site.ip(40)}:5080", "anna", 2, to_tag=tag)[0], (200,))
        anna = records(site, 1)["anna"]
        wanted = {"number": "1234", "conference": "1234", "accounting": "P-77", "attendee": "web-9", "member": 1, "reason": "hung up", "codec": "PCMU"}
        for name, value in wanted.items():
            if anna[name] != value:
                raise Failed(f"{name}: expected {value}, got {anna[name]}")
        site.kill("conf-bridge")
        site.start("conf-bridge")
        berta = records(site, 2)["berta"]
        if berta["reason"] != "bridge restarted" or berta["duration_ms"] is not None:
            raise Failed(f"after a kill: {berta}")
        if (berta["conference"], berta["member"], berta["role"], berta["joined"] is None) != ("1234", 2, "participant", False):
            raise Failed(f"her place after a kill: {berta}")
        site.kill("conf-bridge")
        site.start("conf-bridge")
        records(site, 2)
        if "5678" in site.path("legs.ndjson").read_text():
            raise Failed("a passcode stands in the records")


def a_replaced_leg_keeps_its_place_in_its_record():
    with Site(("conf-locate", "conf-bridge"), conf_bridge={"call-log": "legs.ndjson", "attendee-takes-over": "yes"}) as site:
        site.add_conference("1234", "5678")
        agent = Agent(site, 60, to=(site.ip(40), 5080))
        brought = "X-Passcode: 5678\r\nX-Attendee-ID: web-9\r\n"
        call(site, agent, "anna", brought + "X-Phone-PAC: P-77\r\nX-Is-Host: true\r\n")
        joined = eventually(lambda: site.ask("conf-bridge", "members", conference="1234"), "a member")[0]["since"]
        eventually(lambda: datetime.datetime.now(datetime.timezone.utc).strftime("%FT%TZ") > joined, "the next second")
        tag = call(site, agent, "berta", brought)
        anna = records(site, 1)["anna"]
        expect("BYE", agent.transact("BYE", f"sip:1234@{site.ip(40)}:5080", "berta", 2, to_tag=tag)[0], (200,))
        berta = records(site, 2)["berta"]
        for record in (anna, berta):
            if (record["conference"], record["member"], record["role"], record["accounting"]) != ("1234", 1, "host", "P-77"):
                raise Failed(f"expected the first member, host, of project P-77: {record}")
            if record["joined"] is None or not record["answered"] <= record["joined"] <= record["ended"]:
                raise Failed(f"joined before it was answered, or never: {record}")
        if anna["reason"] != "replaced" or anna["joined"] != joined:
            raise Failed(f"the replaced leg: {anna}")


main(a_leg_has_one_record, a_replaced_leg_keeps_its_place_in_its_record)
