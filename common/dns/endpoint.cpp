#include "dns/endpoint.hpp"

namespace confab::dns {

std::string_view service_name(Service service) {
    switch (service) {
        case Service::udp: return "udp";
        case Service::tcp: return "tcp";
        case Service::tls: return "tls";
    }
    return {};
}

std::string_view failure_text(Failure failure) {
    switch (failure) {
        case Failure::no_such_name: return "no such name";
        case Failure::no_address: return "no address";
        case Failure::no_transport: return "no transport that we have";
        case Failure::timeout: return "no answer from DNS in time";
        case Failure::server_failure: return "DNS server failure";
    }
    return {};
}

std::uint16_t default_port(Service service) { return service == Service::tls ? 5061 : 5060; }

}  // namespace confab::dns
