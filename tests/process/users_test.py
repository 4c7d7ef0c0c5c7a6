# threads: under ThreadSanitizer too.
"""Users in bulk and users elsewhere: CSV in and out, a second program in the same directory, and a user database in another file or behind a socket that
comes, goes, changes and lies (S1-05)."""
import hashlib
import json
import pathlib
import socket
import subprocess
import threading

import harness
from agent import Agent, authenticated, expect
from harness import Failed, Site, eventually, program

URI = "sip:example.org"
MANY = 2_000


def hashes(user, password):
    text = f"{user}:{harness.REALM}:{password}".encode()
    return [hashlib.new(name, text).hexdigest() for name in ("md5", "sha256", "sha512_256")]


def load(site, text, check=True):
    return site.command("sip-registrar", "user", "import", input=text, check=check)


def register(site, user, password, registrar=30):
    agent = Agent(site, 60, to=(site.ip(registrar), 5070))
    code, _ = authenticated(agent, "REGISTER", URI, f"{user}-{agent.local}", user, password, to=f"sip:{user}@example.org")
    return code


def test_users_come_and_go_as_csv():
    with Site(daemons=("sip-registrar",)) as site:
        table = "user,password\r\n" + "".join(f"u{i},\"pass,{i}\"\r\n" for i in range(MANY))
        for expected in (f"{MANY} added, 0 replaced, 0 unchanged, 0 refused\n", f"0 added, 0 replaced, {MANY} unchanged, 0 refused\n"):
            if (done := load(site, table)).stdout != expected:
                raise Failed(f"expected {expected!r}, got {done.stdout!r}")
        expect("a password with a comma", register(site, "u7", "pass,7"), {200})

        exported = site.command("sip-registrar", "user", "export").stdout
        lines = exported.splitlines()
        if lines[0] != "user,ha1_md5,ha1_sha256,ha1_sha512_256" or ",".join(["u7", *hashes("u7", "pass,7")]) not in lines or len(lines) != MANY + 1:
            raise Failed(f"exported {len(lines)} lines, {lines[:2]} first")
        if "pass," in exported:
            raise Failed("an export shows a password")

        mixed = "user,password\nu1,new\nu2,\"pass,2\"\nnew one,x\nu\"3,x\nlast,\"two\nlines\"\n"
        done = load(site, mixed, check=False)
        wanted = ("line 4: expected a user name", "line 5: a quote stands inside")
        if done.returncode != 1 or done.stdout != "1 added, 1 replaced, 1 unchanged, 2 refused\n" or not all(text in done.stderr for text in wanted):
            raise Failed(f"exit {done.returncode}: {done.stdout}{done.stderr}")
        expect("the old password", register(site, "u1", "pass,1"), {403})
        expect("the new password", register(site, "u1", "new"), {200})
        for bad in ("", "u1,new\n", "user,secret\nu1,x\n"):
            if load(site, bad, check=False).returncode != 64:
                raise Failed(f"a table that begins with {bad!r} was taken")

        emptied = Site(daemons=("sip-registrar",))
        with emptied:
            load(emptied, exported)
            expect("with imported hashes", register(emptied, "u7", "pass,7"), {200})
        logged = site.path("sip-registrar.log").read_text()
        if "pass," in logged or hashes("u7", "pass,7")[0] in logged:
            raise Failed("a secret was logged")


def test_a_reader_who_stops_stops_only_itself():
    many = 50_000
    with Site(daemons=("sip-registrar",)) as site:
        load(site, "user,ha1_md5\n" + "".join(f"u{i},{i:032x}\n" for i in range(many)))
        before = site.resident_kib("sip-registrar")
        idle = []
        for command in ("user-export", "user-list", "user-export"):
            reader = socket.socket(socket.AF_UNIX)
            reader.connect(str(site.path("sip-registrar.sock")))
            reader.sendall(json.dumps({"id": 1, "cmd": command}).encode() + b"\n")
            idle.append(reader)
        site.add_user("alice")
        expect("alice beside three listings that nobody reads", register(site, "alice", "alice-secret"), {200})
        exported = site.command("sip-registrar", "user", "export").stdout.splitlines()
        if len(exported) != many + 2:
            raise Failed(f"exported {len(exported)} lines, expected {many + 2}")
        if (grown := site.resident_kib("sip-registrar") - before) > 4096 and not harness.SLOW > 1:
            raise Failed(f"listings took {grown} KiB of memory")
        for reader in idle:
            reader.close()


def test_a_directory_has_one_program():
    with Site(daemons=("sip-registrar",)) as site:
        second = site.path("second.conf")
        second.write_text(site.configuration("sip-registrar").replace("sip-registrar.sock", "second.sock").replace(site.ip(30), site.ip(31)))
        ended = subprocess.run([program("sip-registrar"), "-c", str(second)], capture_output=True, text=True, timeout=60)
        if ended.returncode != 69 or f"process {site.processes['sip-registrar'].pid}" not in ended.stderr:
            raise Failed(f"a second program ended with {ended.returncode}: {ended.stderr}")
        site.kill("sip-registrar")
        site.start("sip-registrar")  # a lock dies with its holder


class Guest:
    """Another registrar of the site, at .31, whose users are elsewhere."""

    def __init__(self, site, database):
        self.site = site
        site.path("guest").mkdir(exist_ok=True)
        text = site.configuration("sip-registrar").replace(site.ip(30), site.ip(31)).replace("sip-registrar.sock", "guest.sock")
        text = text.replace(str(site.path("registrar")) + "\n", str(site.path("guest")) + "\n")
        site.path("guest.conf").write_text(text + f"user-database = {database}\nuser-database-timeout = 500ms\n")
        with open(site.path("guest.log"), "ab") as log:
            site.processes["guest"] = subprocess.Popen([program("sip-registrar"), "-c", str(site.path("guest.conf"))], stderr=log, stdout=log)
        eventually(lambda: site.answers("guest"), "the guest's socket")

    def register(self, user, password):
        return register(self.site, user, password, registrar=31)

    def verify(self, user, password):
        ha1, ha2 = hashes(user, password)[0], hashlib.md5(b"INVITE:sip:x").hexdigest()
        response = hashlib.md5(f"{ha1}:n:00000001:c:auth:{ha2}".encode()).hexdigest()
        return self.site.ask("guest", "verify", username=user, realm=harness.REALM, algorithm="MD5", method="INVITE", uri="sip:x", nonce="n", nc="00000001",
                             cnonce="c", qop="auth", response=response)["valid"]

    def state(self):
        return self.site.ask("guest", "status")["user_database"]


def test_users_in_another_file():
    with Site(daemons=("sip-registrar",)) as site:
        site.add_user("alice")
        file = site.path("registrar") / "registrar.db"
        guest = Guest(site, f"sqlite:{file}")
        expect("alice", guest.register("alice", "alice-secret"), {200})
        expect("a wrong password", guest.register("alice", "wrong"), {403})
        expect("nobody", guest.register("bob", "bob-secret"), {403})
        site.add_user("bob")
        expect("bob, added meanwhile", guest.register("bob", "bob-secret"), {200})
        if not guest.verify("bob", "bob-secret") or guest.verify("bob", "wrong") or guest.state() != "up":
            raise Failed(f"verify does not ask the other file ({guest.state()})")
        changed = subprocess.run([program("sip-registrar"), "user", "del", "bob", "--socket", str(site.path("guest.sock"))], capture_output=True, text=True)
        if changed.returncode != 1 or "users-elsewhere" not in changed.stderr:
            raise Failed(f"a user elsewhere was changed: {changed}")

        site.stop("sip-registrar")
        for part in pathlib.Path(file.parent).glob("registrar.db*"):
            part.unlink()
        expect("without the file", guest.register("alice", "alice-secret"), {500})
        if not guest.state().startswith("down: "):
            raise Failed(f"status says {guest.state()}")
        site.start("sip-registrar")
        site.add_user("alice", "another")
        expect("with another file in its place", guest.register("alice", "another"), {200})


def test_users_behind_a_socket():
    with Site(daemons=("sip-registrar",)) as site:
        site.add_user("alice")
        guest = Guest(site, f"unix:{site.path('sip-registrar.sock')}")
        expect("alice", guest.register("alice", "alice-secret"), {200})
        expect("a wrong password", guest.register("alice", "wrong"), {403})
        expect("nobody", guest.register("bob", "bob-secret"), {403})
        site.stop("sip-registrar")
        expect("while it is down", guest.register("alice", "alice-secret"), {500})
        if not guest.state().startswith("down: "):
            raise Failed(f"status says {guest.state()}")
        site.start("sip-registrar")
        eventually(lambda: guest.register("alice", "alice-secret") == 200, "alice after the restart")
        if guest.state() != "up":
            raise Failed(f"status says {guest.state()}")


def lie(listener, answer):
    """A daemon that gives the same answer to all questions."""
    connection, _ = listener.accept()
    connection.sendall(b'{"confab":1,"daemon":"liar","version":"0","caps":[]}\n')
    for line in connection.makefile():
        connection.sendall((json.dumps({"id": json.loads(line)["id"], "ok": True, **answer}) + "\n").encode())


def test_a_database_that_lies_lets_nobody_in():
    for answer, wanted in (({"known": True, "ha1_md5": "", "ha1_sha256": "", "ha1_sha512_256": ""}, 500), ({"known": True}, 500), ({"known": "yes"}, 403), ({}, 403)):
        with Site(daemons=()) as site:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(site.path("liar.sock")))
            listener.listen()
            threading.Thread(target=lie, args=(listener, answer), daemon=True).start()
            guest = Guest(site, f"unix:{site.path('liar.sock')}")
            expect(f"an answer of {answer}", guest.register("alice", "alice-secret"), {wanted})


if __name__ == "__main__":
    harness.main(test_users_come_and_go_as_csv, test_a_reader_who_stops_stops_only_itself, test_a_directory_has_one_program, test_users_in_another_file, test_users_behind_a_socket,
                 test_a_database_that_lies_lets_nobody_in)
