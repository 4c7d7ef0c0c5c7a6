#include "sip/transport.hpp"

namespace confab::sip {

std::string_view via_name(Transport transport) {
    switch (transport) {
        case Transport::udp:
            return "UDP";
        case Transport::tcp:
            return "TCP";
        case Transport::tls:
            return "TLS";
    }
    return {};
}

std::string_view param_name(Transport transport) {
    switch (transport) {
        case Transport::udp:
            return "udp";
        case Transport::tcp:
            return "tcp";
        case Transport::tls:
            return "tls";
    }
    return {};
}

}  // namespace confab::sip
