"""A phone that tells how loud its packets are (RFC 6464): its word that there is silence is believed, and a bridge that does not want to know agrees to nothing."""
import random
import struct

from harness import Failed, Site, main
from phone import Phone, body_of

EXTENSION = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"


class Teller(Phone):
    """Sends something with a pitch of 200 Hz in G.722, a packet for each that it hears."""

    @property
    def sdp(self):
        ip, port = self.rtp.getsockname()
        return f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 9\r\na=extmap:5 {EXTENSION}\r\n"

    number = 0

    def tell(self, level, packets, until=lambda: False):
        """False: so many packets, and it never was so."""
        period = random.Random(722).randbytes(40)
        for _ in range(packets):
            self.rtp.recv(2000)
            self.number += 1
            self.rtp.sendto(struct.pack("!BBHIIHHBBH", 0x90, 9, self.number, self.number * 160, 7, 0xBEDE, 1, 5 << 4, level, 0) + period * 4, self.media)
            if until():
                return True
        return False


def silence_is_believed():
    for levels in ("yes", "no"):
        with Site(daemons=("conf-bridge",), conf_bridge={"levels": levels}) as site:
            site.canned_directory({"2000": {"conference": "2000"}})
            talks = lambda: site.ask("conf-bridge", "members", conference="2000")[0]["talking"]
            with Teller(site, 60) as phone:
                code, answer = phone.invite("2000")
                if code != 200 or (f"a=extmap:5/recvonly {EXTENSION}\r\n" in body_of(answer)) != (levels == "yes"):
                    raise Failed(f"levels = {levels}: {answer}")
                if phone.tell(127, 50 if levels == "yes" else 500, talks) == (levels == "yes"):
                    raise Failed(f"levels = {levels}: with what is said to be silence, talking is {talks()}")
                if not phone.tell(20, 500, talks):
                    raise Failed(f"levels = {levels}: not talking, with what is said to be loud")
                phone.bye()


main(silence_is_believed)
