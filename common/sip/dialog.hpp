// A dialog at a user agent (RFC 3261 §12): identity, sequence numbers, route set. A value; no timers.
//
// `hop` follows the next-hop URI where its host is an IP address, otherwise it stays where the first request came from or went.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sip/compose.hpp"
#include "sip/message.hpp"
#include "sip/transport.hpp"

namespace confab::sip {

struct DialogId {
    std::string call_id, local_tag, remote_tag;
    auto operator<=>(const DialogId&) const = default;
};

struct Dialog {
    DialogId id;
    std::string local, remote;      // From and To values for requests of ours, tags included
    std::string remote_target;      // the peer's Contact URI
    std::vector<std::string> route_set;  // URIs in the order in which a request of ours lists them, whole <…> values
    std::uint32_t local_cseq = 0;
    std::uint32_t remote_cseq = 0;
    Hop hop;                        // where requests of ours go next: the first route or the target, or the flow of the first request
    bool secure = false;

    // §12.1.1: from an INVITE that we answer. Empty where the request lacks a usable Contact.
    static std::optional<Dialog> accept(const Message& request, const Hop& source, std::string_view local_tag);
    // §12.1.2: from the response to an INVITE of ours. `hop` is where the INVITE went.
    static std::optional<Dialog> establish(const Message& request, const Message& response, const Hop& hop);

    // §12.2.2: an in-dialog request must not go back in CSeq: 500 when it does. Updates remote_cseq, and the target for target refresh requests.
    bool receive(const Message& request);
    void refresh_target(const Message& message);

    // §12.2.1.1: appends a request with the next CSeq (ACK takes `cseq`, its INVITE's). `contact` is a URI or a whole name-addr with parameters, put
    // only into methods that may carry one. `extra` holds whole header lines.
    void append_request(std::string& out, Method method, std::string_view branch, std::string_view via_sent_by, std::string_view contact,
                        std::string_view extra = {}, std::string_view content_type = {}, std::string_view body = {},
                        std::optional<std::uint32_t> cseq = {});
    // The flow that brought the dialog is gone (RFC 5923 is not ours to assume): requests of ours go where its route or target leads, where that is
    // an address. False: it was another flow.
    bool flow_failed(const Hop& gone);
    // The URI that decides the next hop: first route or remote target.
    std::string_view next_hop_uri() const;
    // The first route where it lacks `lr`: it is the Request-URI then, and the remote target the last route (§12.2.1.1). Empty otherwise.
    std::string_view strict_router() const;
};

}  // namespace confab::sip
