// A user agent with its sockets: one core, one signalling connection or port, and for a call one media port pair.
//
// Owner: the probe's one thread. What happens is told to one callback, which may call back into the leg but must not destroy it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "io/loop.hpp"
#include "io/port_pairs.hpp"
#include "io/signalling.hpp"
#include "sip-probe/core.hpp"
#include "sip-probe/endpoint.hpp"
#include "sip-probe/target.hpp"

namespace confab::probe {

struct LegOptions {
    Account account;
    Target target{};
    std::optional<io::TlsContext> tls{};
    bool srtp = false;
    Codecs codecs{};                         // at least one
    std::uint32_t rate = 8000;               // samples a second of what is said and heard
    bool telephone_events = true;            // offered (RFC 4733)
    bool delayed_offer = false;              // INVITE without SDP
    sip::Timers timers{};
};

// Instants of a call's phases, each absent until reached.
struct Phases {
    base::Instant started{};
    std::optional<base::Instant> connected, challenged, ringing, answered, media;
};

class Leg {
public:
    using OnHappening = std::function<void(Leg&, const Happening&)>;

    Leg(io::Loop& loop, LegOptions options, OnHappening on_happening);  // throws StartupError

    void ask_options(std::string_view uri, std::string_view headers);
    void register_contact(bool with_contact, base::seconds expires);
    void call(std::string_view uri, std::string_view headers);
    void cancel();
    void hang_up();
    void dial(std::string_view digits);

    // 20 ms each way; call every 20 ms while in a call. Silence before the call is answered.
    bool exchange(std::uint64_t tick, std::span<const std::int16_t> voice, std::span<std::int16_t> heard);
    std::uint32_t rate() const { return options_.rate; }

    bool in_call() const { return endpoint_.has_value(); }
    bool dialling() const { return endpoint_ && endpoint_->dialling(); }
    const Phases& phases() const { return phases_; }
    const std::string& codec() const { return codec_; }  // agreed last: "opus/48000", or ""
    Endpoint::Counts media_counts() const { return endpoint_ ? endpoint_->counts() : last_counts_; }
    const std::string& failure() const { return failure_; }  // why the transport failed, a sentence
    bool failed_in_tls() const { return failed_in_tls_; }
    std::string connection() const;                          // "TLSv1.3 …" or ""
    const Account& account() const { return options_.account; }

private:
    void flush();
    void deliver(const Happening& happening);
    bool open_media();
    std::string offer();
    bool agree(const std::string& sdp, bool is_offer, std::string& answer_text);
    void received_media(std::span<io::Datagram> batch);

    io::Loop& loop_;
    LegOptions options_;
    OnHappening on_happening_;
    io::Signalling signalling_;
    base::Random random_;
    Core core_;
    io::Timer timer_;
    Effects effects_;
    Phases phases_;
    sdp::LocalMedia local_media_;
    std::optional<sdp::Session> offered_;
    std::optional<io::PortPair> ports_;
    std::optional<Endpoint> endpoint_;
    Endpoint::Counts last_counts_;
    std::string codec_;
    std::uint64_t tick_ = 0;
    sip::FlowId flow_{};
    std::string failure_;
    bool failed_in_tls_ = false;
};

}  // namespace confab::probe
