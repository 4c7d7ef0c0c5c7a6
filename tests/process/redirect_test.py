"""A dialled number whose conference lives on another bridge: 302 before the call is answered (S1-70, S1-71, S1-76)."""
import harness
from harness import Failed, Site, eventually, run
from phone import Phone, header, hurry

ELSEWHERE = "10.28.162.100"


def site_with(table, **more):
    site = Site(daemons=("conf-bridge",), conf_bridge={"media-timeout": "60s", **more})
    return site, site.canned_directory(table)


def expect(what, got, wanted):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted}, got {got}")


def s1_70_the_dialled_numbers_home_decides():
    site, directory = site_with({"8000": {"conference": "1234"}})
    with site, Phone(site, 50) as alice:
        expect("at home", alice.invite("8000")[0], 200)
        alice.bye()
        directory.table["8000"].update(home=f"sip:{ELSEWHERE}:5080", home_bridge="bridge-25")
        expect("moved", alice.invite("8000")[0], 302)
        directory.table["8000"].update(passcode="77")  # asked for over there, not here
        expect("moved, with a passcode", alice.invite("8000")[0], 302)
        expect("moved, with a wrong one", alice.invite("8000", "X-Passcode: 1\r\n")[0], 403)
        directory.table["8000"].update(home_bridge="bridge-1")
        expect("its own name", alice.invite("8000", "X-Passcode: 77\r\n")[0], 200)
        eventually(lambda: directory.asked[-1]["number"] == "8000", "the look-up")
        hurry(site)


def s1_71_the_answer_is_302_with_the_homes_contact():
    site, _ = site_with({"8000": {"conference": "1234", "home": f"sip:{ELSEWHERE}:5080", "home_bridge": "bridge-25"},
                         "8001": {"conference": "1235", "home": "sip:sip2.example.com;transport=tcp"}, "8002": {"home": "sip:other@sip2.example.com"}})
    with site, Phone(site, 50) as alice:
        for number, contact in (("8000", f"<sip:8000@{ELSEWHERE}:5080>"), ("8001", "<sip:8001@sip2.example.com;transport=tcp>"), ("8002", "<sip:other@sip2.example.com>")):
            code, response = alice.invite(number)
            expect(number, (code, header(response, "Contact")), (302, contact))
        status = site.ask("conf-bridge", "status")
        expect("nothing is left of them", (status["legs"], status["conferences"], status["media_sockets"]), (0, 0, 0))


def s1_71_a_ticket_goes_with_the_contact_and_counts_the_moves():
    site, directory = site_with({"8000": {"conference": "1234", "passcode": "77", "home": f"sip:{ELSEWHERE}:5080", "home_bridge": "bridge-25"}}, **{"redirect-limit": "2"})
    site.overrides["conf_bridge"]["ticket-secret-file"] = site.secret("ticket.secret", "a secret that all bridges share")
    with site, Phone(site, 50) as alice:
        code, response = alice.invite("8000", "X-Passcode: 77\r\n")
        contact = header(response, "Contact")
        expect("the first bridge", (code, contact.split(";")[0]), (302, f"<sip:8000@{ELSEWHERE}:5080"))
        directory.table["8000"]["home_bridge"] = "bridge-26"
        params = ";ticket=" + contact.split(";ticket=")[1].rstrip(">")
        code, response = alice.invite("8000", params=params)  # sealed for bridge-25, so no seat here; the moves count all the same
        expect("the second move", code, 302)
        params = ";ticket=" + header(response, "Contact").split(";ticket=")[1].rstrip(">")
        expect("the third move", alice.invite("8000", params=params)[0], 482)


def s1_76_a_conference_moves_and_comes_back():
    site = Site(daemons=("conf-locate", "conf-bridge"), conf_bridge={"media-timeout": "60s"})
    with site, Phone(site, 50) as alice, Phone(site, 51, "bob") as bob:
        site.add_conference("1234")
        site.command("conf-locate", "dnis", "add", "8000", "--conference", "1234")
        expect("before", alice.invite("8000")[0], 200)
        site.add_conference("1234", home=f"sip:{ELSEWHERE}:5080", bridge="bridge-25")
        code, response = bob.invite("8000")
        expect("moved", (code, header(response, "Contact")), (302, f"<sip:8000@{ELSEWHERE}:5080>"))
        expect("who is in stays", len(site.ask("conf-bridge", "members", conference="1234")), 1)
        rows = site.ask("conf-locate", "conference-list")
        expect("the directory says so", rows[0]["home"], f"sip:{ELSEWHERE}:5080")
        site.kill("conf-locate")
        site.start("conf-locate")
        eventually(lambda: site.ask("conf-bridge", "status")["locate_connected"], "the bridge back at the directory")
        expect("moved, the directory having restarted", bob.invite("8000")[0], 302)
        site.add_conference("1234")
        expect("moved back", bob.invite("8000")[0], 200)
        expect("one conference", len(site.ask("conf-bridge", "members", conference="1234")), 2)
        bad = run(harness.program("conf-locate"), "conference", "add", "1", "--home", "sip:x@host", "--socket", site.path("conf-locate.sock"), check=False)
        expect("a home with a user part is refused", bad.returncode != 0, True)
        hurry(site)


if __name__ == "__main__":
    harness.main(s1_70_the_dialled_numbers_home_decides, s1_71_the_answer_is_302_with_the_homes_contact, s1_71_a_ticket_goes_with_the_contact_and_counts_the_moves,
                 s1_76_a_conference_moves_and_comes_back)
