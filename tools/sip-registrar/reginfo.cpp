#include "sip-registrar/reginfo.hpp"

#include <iterator>

#include <fmt/format.h>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "base/xml.hpp"
#include "sip-registrar/registration.hpp"

namespace confab::registrar {
namespace {

constexpr std::string_view kEvents[] = {"registered", "created", "refreshed", "unregistered", "expired", "deactivated"};
constexpr std::size_t kIdOctets = 6;

std::string id_of(std::string_view text) { return base::hex(base::sha256(text).substr(0, kIdOctets)); }

}  // namespace

Reginfo::Reginfo(std::string& out, std::uint32_t version, bool is_full, std::string_view address, bool is_active) : out_(out) {
    fmt::format_to(std::back_inserter(out_),
                   "<?xml version=\"1.0\"?>\r\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"{}\" state=\"{}\">\r\n<registration", version,
                   is_full ? "full" : "partial");
    base::append_attribute(out_, "aor", address);
    base::append_attribute(out_, "id", id_of(address));
    base::append_attribute(out_, "state", is_active ? "active" : "terminated");
    out_ += ">\r\n";
}

Reginfo::~Reginfo() { out_ += "</registration>\r\n</reginfo>\r\n"; }

void Reginfo::add(const sip::Binding& binding, ContactEvent event, base::WallTime now) {
    const bool is_over = event >= ContactEvent::unregistered;
    out_ += "<contact";
    base::append_attribute(out_, "id", id_of(fmt::format("{} {} {}", binding.contact, binding.instance, binding.reg_id)));
    base::append_attribute(out_, "state", is_over ? "terminated" : "active");
    base::append_attribute(out_, "event", kEvents[static_cast<std::size_t>(event)]);
    base::append_attribute(out_, "callid", binding.call_id);
    fmt::format_to(std::back_inserter(out_), " cseq=\"{}\" expires=\"{}\" q=\"{}.{:03}\">\r\n<uri>", binding.cseq, is_over ? 0 : seconds_left(binding, now),
                   binding.q / 1000, binding.q % 1000);
    base::append_xml(out_, binding.contact);
    out_ += "</uri>\r\n";
    if (!binding.instance.empty()) {
        out_ += "<unknown-param name=\"+sip.instance\">";
        base::append_xml(out_, binding.instance);
        out_ += "</unknown-param>\r\n";
    }
    out_ += "</contact>\r\n";
}

}  // namespace confab::registrar
