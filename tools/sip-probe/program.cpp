#include "sip-probe/commands.hpp"

namespace confab::probe {
namespace {

// What every load takes, and its own.
std::vector<app::Option> load_options_with(std::vector<app::Option> own) {
    std::vector<app::Option> options{
        {"rate", 'r', "N", "operations a second, whatever comes back (open loop)"},
        {"outstanding", 'o', "N", "operations under way, when there is no rate (closed loop)", "1"},
        {"duration", 't', "TIME", "how long is measured; with a count, until that is done", "10s"},
        {"warm-up", 0, "TIME", "before that, not measured", "0s"},
        {"count", 'n', "N", "operations in all"},
        {"sockets", 0, "N", "client sockets, or connections", "1"},
        {"retransmit", 0, "", "send again over UDP as RFC 3261 says, and after a connection came back; without, what is lost has failed"},
        {"users", 0, "N", "speak for that many numbered users"},
        {"user-pattern", 0, "TEXT", "their names, the number where '#' stands", "u#######"},
        {"password-pattern", 0, "TEXT", "their passwords", "pw#######"},
        {"users-file", 0, "FILE", "users and passwords: lines of user,password"},
        {"first", 0, "N", "the user to begin with", "0"},
        {"domain", 0, "NAME", "of the users' addresses; default: the URI's host"},
        {"linger", 0, "TIME", "keep the connections so long afterwards", "0s"},
        {"cost-of", 0, "PID", "also show the CPU time of an operation in that program, its threads and children", {}, true}};
    options.insert(options.end(), own.begin(), own.end());
    return options;
}

}  // namespace

const app::Program& program() {
    static const app::Argument kUri{"URI", "whom to ask or call: sip:1234@example.org, sip:127.0.0.1:5060;transport=tcp"};
    static const app::Program kProgram{
        .name = "sip-probe",
        .summary = "scriptable SIP user agent: ping, register, call, conference",
        .prose = "Tests SIP services from scripts. Exit codes: 0 all well, 1 answered wrong, 2 no answer, 3 DNS, 4 transport, 5 TLS, "
                 "6 authentication, 7 media.",
        .commands =
            {
                {.name = "ping",
                 .help = "send OPTIONS and time the answers",
                 .arguments = {kUri},
                 .options = {{"count", 'c', "N", "how many", "3"}, {"interval", 'i', "TIME", "from one to the next", "1s"}},
                 .run = ping},
                {.name = "register",
                 .help = "register a contact, ask for the bindings, or remove them",
                 .arguments = {},
                 .options = {{"expires", 'e', "SECONDS", "how long the binding shall live", "300"},
                             {"remove", 0, "", "remove this contact"},
                             {"query", 'q', "", "only ask what is bound"}},
                 .run = register_},
                {.name = "call",
                 .help = "call, play, record, key digits, hang up",
                 .arguments = {kUri},
                 .options = {{"play", 'p', "FILE", "sound file to play (8 kHz, or the rate of the widest codec), else a tone"},
                             {"tone", 0, "HERTZ", "tone to send when nothing is played", "440"},
                             {"record", 'r', "FILE", "WAV file for what is heard"},
                             {"dtmf", 'd', "DIGITS", "keys to press (RFC 4733) when answered; read from the file after '@'"},
                             {"in-band", 0, "", "the keys as tones in the audio, without telephone events"},
                             {"duration", 't', "TIME", "hang up this long after the answer", "5s"},
                             {"delayed-offer", 0, "", "INVITE without a session description"},
                             {"cancel-after", 0, "TIME", "CANCEL this long after the INVITE"},
                             {"require-media", 0, "", "no audio from the peer is a failure (exit 7)"}},
                 .run = call},
                {.name = "conf",
                 .help = "join N legs to a conference and print who hears whom",
                 .arguments = {kUri},
                 .options = {{"legs", 'n', "N", "how many legs", "3"},
                             {"register", 0, "", "register each leg first"},
                             {"tone", 0, "HERTZ", "a leg's tone, in order; else chosen at random", {}, true},
                             {"play", 'p', "FILE", "what a leg plays with its tone, in order (8 kHz, or the rate of the widest codec)", {}, true},
                             {"one-codec-each", 0, "", "each leg offers one of the codecs, in turn, instead of all"},
                             {"record", 'r', "DIRECTORY", "where leg-1.wav, leg-2.wav, … go"},
                             {"turn", 0, "TIME", "how long each leg sounds", "800ms"},
                             {"hold", 0, "TIME", "stay this long after the last turn", "0s"},
                             {"threshold", 0, "DB", "the level below full scale that counts as heard", "40"}},
                 .run = conference},
                {.name = "load options",
                 .help = "many OPTIONS at a rate or in a closed loop",
                 .arguments = {kUri},
                 .options = load_options_with({}),
                 .run = load_options},
                {.name = "load register",
                 .help = "many REGISTERs, challenged or with a kept nonce",
                 .arguments = {kUri},
                 .options = load_options_with({{"expires", 'e', "SECONDS", "how long a binding shall live", "3600"},
                                               {"contact", 0, "HOST:PORT", "what is bound; default: the socket's own"},
                                               {"keep-nonce", 0, "", "use a user's nonce again: refreshes without a challenge"}}),
                 .run = load_register},
                {.name = "load call",
                 .help = "many calls from INVITE to BYE",
                 .arguments = {kUri},
                 .options = load_options_with({{"answer", 0, "TARGET", "be the callee too, at udp:ADDRESS:PORT, tcp:… or tls:…"},
                                               {"answer-certificate", 0, "FILE", "the callee's certificate (PEM)"},
                                               {"answer-key", 0, "FILE", "its key"},
                                               {"hold", 0, "TIME", "from the ACK to the BYE", "0s"}}),
                 .run = load_call},
                {.name = "load flood",
                 .help = "many requests without credentials, with forged ones, and malformed messages; count the answers",
                 .arguments = {kUri},
                 .options = load_options_with({}),
                 .run = load_flood},
            },
        .check = {},
        .start = {},
        .options = {{"proxy", 'P', "TARGET", "send to udp:HOST:PORT, tcp:… or tls:… instead of the URI's host"},
                    {"from", 'f', "ADDRESS", "who calls: sip:alice@example.org", {}, true},
                    {"user", 'u', "NAME", "digest user name, when it is not the address's user"},
                    {"password-file", 0, "FILE", "the password's file, '-' for standard input", {}, true},
                    {"header", 'H', "LINE", "add a header to the request: 'X-Passcode: 5678'; read from the file after '@'", {}, true},
                    {"srtp", 's', "", "encrypt media (SDES)"},
                    {"codec", 0, "NAME", "offer pcmu, pcma, g722, opus[/RATE] or l16[/RATE], in order of preference; default: pcmu, pcma", {}, true},
                    {"ptime", 0, "MS", "milliseconds in a packet: 10, 20, 30, 40 or 60", "20"},
                    {"ca", 0, "FILE", "trusted roots (PEM) for TLS; default: the system's"},
                    {"certificate", 0, "FILE", "client certificate (PEM)"},
                    {"private-key", 0, "FILE", "its key"},
                    {"insecure", 'k', "", "accept any certificate"},
                    {"timeout", 'w', "TIME", "how long to wait for a final answer", "10s"},
                    {"dns", 0, "ADDRESS", "ask this DNS server, ADDRESS[:PORT]; default: the system's", {}, true},
                    {"ipv4", '4', "", "use IPv4 only"},
                    {"ipv6", '6', "", "use IPv6 only"},
                    {"json", 'j', "", "one JSON object a line"}},
    };
    return kProgram;
}

}  // namespace confab::probe
